package realtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/process"
)

// testbed is where the scripts that fetch and run the servers live.
const testbed = "../../deploy/testbed"

// freePorts reserves n neighbouring free loopback ports below the ephemeral range and returns the first.
func freePorts(t testing.TB, n int) int {
	t.Helper()
	for first := 21000; first < 32000; first += n {
		if allFree(first, n) {
			return first
		}
	}
	t.Fatal("no free ports between 21000 and 32000")
	return 0
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// start runs a program for the length of the test. Its output is kept and shown when the test fails.
func start(t testing.TB, spec process.Spec) *process.Process {
	t.Helper()
	p, err := process.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			tail(t, spec.Name, spec.Log)
		}
	})
	return p
}

// tail logs the end of a file.
func tail(t testing.TB, name, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	t.Logf("the end of what %s said:\n%s", name, text[max(0, len(text)-6000):])
}

// listening waits until something accepts connections on a loopback port.
func listening(t testing.TB, p *process.Process, port int) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("%s to listen on %d", p.Name(), port), func() bool {
		if !p.Running() {
			tail(t, p.Name(), p.Spec().Log)
			t.Fatalf("%s ended before it listened", p.Name())
		}
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// eventually polls until done, or fails the test.
func eventually(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", limit, what)
		}
	}
}

// startKafka runs one real broker and returns its address.
func startKafka(t testing.TB, dir string) string {
	t.Helper()
	port := freePorts(t, 2)
	script := filepath.Join(testbed, "kafka.sh")
	data := filepath.Join(dir, "kafka")
	format := start(t, process.Spec{Name: "kafka format", Path: script, Args: []string{"format", data, fmt.Sprint(port)}, Log: filepath.Join(dir, "format.log")})
	if status, err := format.Wait(t.Context()); err != nil || status != 0 {
		tail(t, "kafka format", format.Spec().Log)
		t.Fatalf("format: status %d, %v", status, err)
	}
	broker := start(t, process.Spec{Name: "kafka", Path: script, Args: []string{"run", data}, Log: filepath.Join(dir, "kafka.log")})
	listening(t, broker, port)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// Keys of the S3 server; it lives as long as a test and listens on loopback.
const (
	accessKey = "testbed"
	secretKey = "testbed-secret"
)

// credentials are what a client of the S3 server needs in its environment.
func credentials() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_REGION=us-east-1"}
}

// startS3 runs one real S3 server and returns its endpoint.
func startS3(t testing.TB, dir string) string {
	t.Helper()
	port := freePorts(t, 1)
	server := start(t, process.Spec{
		Name: "s3", Path: filepath.Join(testbed, "s3server.sh"), Args: []string{"run", filepath.Join(dir, "s3"), fmt.Sprint(port)},
		Env: []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey}, Log: filepath.Join(dir, "s3.log"),
	})
	listening(t, server, port)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}
