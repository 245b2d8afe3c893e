package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limitOfCommand ends a command that hangs.
const limitOfCommand = 5 * time.Minute

// ExitWorkFound is the exit status of plan with --detailed-exitcode when something is missing.
const ExitWorkFound = 8

// Program is the program under test: what BACKSTITCH_BIN names, and otherwise bin/backstitch as make builds it.
func Program(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("BACKSTITCH_BIN"); path != "" {
		return path
	}
	path, err := filepath.Abs("../../bin/backstitch")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("%v; make build makes it", err)
	}
	return path
}

// Result is what one command came to.
type Result struct {
	Status         int
	Stdout, Stderr string
	Took           time.Duration
}

// Run runs one of the program's commands as a person would, against any of the fleet's nodes.
func (f *Fleet) Run(t testing.TB, args ...string) Result {
	t.Helper()
	var addresses []string
	for _, n := range f.Nodes {
		addresses = append(addresses, n.API)
	}
	args = append(args, "--addr", strings.Join(addresses, ","), "--color", "never")
	if a := f.layout.Access; a.Dir != "" {
		args = append(args, "--ca-cert", filepath.Join(a.Dir, "ca.pem"), "--client-cert", filepath.Join(a.Dir, a.User+".pem"),
			"--client-key", filepath.Join(a.Dir, a.User+".key"))
	}
	switch args[0] {
	case "archive", "gaps", "plan", "run", "verify":
		args = append(args, "--connections", f.connections)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limitOfCommand)
	defer cancel()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, Program(t), args...)
	cmd.Env = append(os.Environ(), Keys()...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	began := time.Now()
	err := cmd.Run()
	r := Result{Stdout: out.String(), Stderr: complaints.String(), Took: time.Since(began)}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.Status = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("backstitch %s: %v", args[0], err)
	}
	return r
}

// Must runs a command that has to end with exit status 0.
func (f *Fleet) Must(t testing.TB, args ...string) Result {
	t.Helper()
	r := f.Run(t, args...)
	if r.Status != 0 {
		t.Fatalf("backstitch %s: exit status %d, want 0\n%s%s", strings.Join(args, " "), r.Status, r.Stdout, r.Stderr)
	}
	return r
}

// JSON runs a command with -o json, which has to end with exit status 0, and reads what it printed.
func (f *Fleet) JSON(t testing.TB, into any, args ...string) Result {
	t.Helper()
	r := f.Must(t, append(args, "-o", "json", "-q")...)
	if err := json.Unmarshal([]byte(r.Stdout), into); err != nil {
		t.Fatalf("backstitch %s: %v in\n%s", args[0], err, r.Stdout)
	}
	return r
}

// Archive copies a topic to an URL and returns how many records that were.
func (f *Fleet) Archive(t testing.TB, topic Topic, to string) int64 {
	t.Helper()
	var archived struct{ Records int64 }
	f.JSON(t, &archived, "archive", topic.Name, to, "--kafka", KafkaConnection, "--s3", S3Connection)
	return archived.Records
}
