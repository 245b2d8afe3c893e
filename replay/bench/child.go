package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kfake"
)

// The other side runs in a process of its own, so that its CPU is not ours: a broker, and an object store that holds the
// same files as the directory.

// childEnv names the directory whose files the object store serves; a process that has it set is the other side.
const childEnv = "BACKSTITCH_BENCH_CHILD"

// bucketName is the bucket that the child serves.
const bucketName = "bench"

// Servers are the addresses of the other side.
type Servers struct {
	Broker string `json:"broker"`
	Store  string `json:"store"` // http://host:port
}

// RunChild serves until stdin ends. It returns false at once when this process is not the other side.
func RunChild() bool {
	dir := os.Getenv(childEnv)
	if dir == "" {
		return false
	}
	if err := serve(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func serve(dir string) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return err
	}
	defer cluster.Close()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucketName); err != nil {
		return err
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		_, err = backend.PutObject(bucketName, filepath.ToSlash(key), nil, bytes.NewReader(body), int64(len(body)), nil)
		return err
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server(), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }() // ends with srv.Close
	defer srv.Close()
	if err := json.NewEncoder(os.Stdout).Encode(Servers{Broker: cluster.ListenAddrs()[0], Store: "http://" + l.Addr().String()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// StartChild starts this program again as the other side, with the files under dir. stop ends it.
func StartChild(dir string) (s Servers, stop func() error, err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return s, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, nil, err
	}
	if err := cmd.Start(); err != nil {
		return s, nil, err
	}
	stop = func() error {
		_ = in.Close() // tells it to end
		return cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		_ = stop()
		return s, nil, fmt.Errorf("start the other side: %w", err)
	}
	return s, stop, nil
}
