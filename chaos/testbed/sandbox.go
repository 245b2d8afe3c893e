package testbed

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"backstitch/chaos/door"
	"backstitch/chaos/process"
)

// Sandbox is the program's own Kafka and S3 in one child process. It can be slowed down, so that jobs last.
type Sandbox struct {
	Broker   string // host:port
	Endpoint string // URL of the S3
	Bucket   string
	control  door.Door
}

// StartSandbox runs a sandbox under dir.
func StartSandbox(t testing.TB, dir string) Sandbox {
	t.Helper()
	port := FreePorts(t, 3)
	s := Sandbox{
		Broker: fmt.Sprintf("127.0.0.1:%d", port), Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port+1),
		Bucket: "sandbox", control: door.Door{Of: "sandbox", Addr: fmt.Sprintf("127.0.0.1:%d", port+2)},
	}
	p := Start(t, process.Spec{
		Name: "sandbox", Path: Program(t), Log: filepath.Join(dir, "sandbox.log"),
		Args: []string{
			"sandbox", "--dir", filepath.Join(dir, "sandbox"), "--bucket", s.Bucket,
			"--kafka-port", fmt.Sprint(port), "--s3-port", fmt.Sprint(port + 1), "--control-port", fmt.Sprint(port + 2),
		},
	})
	for i := range 3 {
		Listening(t, p, port+i)
	}
	return s
}

// Pace bounds what the broker takes in, in bytes per second; 0 takes the bound away.
func (s Sandbox) Pace(t testing.TB, bytesPerSecond int64) {
	t.Helper()
	if _, err := s.control.Ask(t.Context(), http.MethodPost, fmt.Sprintf("/pace?bytes=%d", bytesPerSecond), nil); err != nil {
		t.Fatal(err)
	}
}
