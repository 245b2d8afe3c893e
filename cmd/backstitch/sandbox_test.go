package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
	"backstitch/cmd/backstitch/sandbox"
)

// place is a sandbox in this process with a topic in it, and what commands need to find both.
type place struct {
	t           *testing.T
	ctx         context.Context
	ports       sitePorts
	set         orders.Set
	connections string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	ports, err := freePorts(0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.New(sandbox.Config{
		Dir: t.TempDir(), KafkaPort: ports.kafka, S3Port: ports.s3, ControlPort: ports.control, Buckets: []string{siteBucket},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
	if err := (sandbox.Control{Addr: ports.controlAddr()}).Await(ctx); err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, ctx: ctx, ports: ports, set: orders.Set{Records: 6000, Day: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}}
	p.connections = filepath.Join(t.TempDir(), "connections.yaml")
	if err := os.WriteFile(p.connections, []byte((&site{ports: ports}).connections()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := orders.Fill(ctx, p.brokers(), p.set); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) brokers() []string { return []string{p.ports.kafkaAddr()} }

// invoke runs a command with the sandbox's connections and keys.
func (p *place) invoke(want int, args ...string) (stdout, stderr string) {
	p.t.Helper()
	env := map[string]string{"BACKSTITCH_CONNECTIONS": p.connections}
	for _, kv := range siteEnv {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	stdout, stderr, got := invoke(p.t, env, args...)
	if got != want {
		p.t.Fatalf("%v: exit status: got %d, want %d\n%s%s", args, got, want, stdout, stderr)
	}
	return stdout, stderr
}

func TestArchiveCopiesOnceAndSaysWhatItFound(t *testing.T) {
	p := newPlace(t)
	var first, second archived
	stdout, _ := p.invoke(0, "archive", "orders", "s3://demo/archive", "--kafka", "kafka", "--s3", "s3", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &first); err != nil {
		t.Fatal(err)
	}
	if first.Records != p.set.Records || first.Objects == 0 || first.Present != 0 {
		t.Errorf("first: got %+v, want %d records", first, p.set.Records)
	}
	stdout, _ = p.invoke(0, "archive", "orders", "s3://demo/archive", "--kafka", "kafka", "--s3", "s3", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &second); err != nil {
		t.Fatal(err)
	}
	if second.Records != 0 || second.Present != first.Objects {
		t.Errorf("second: got %+v, want nothing copied and %d objects present", second, first.Objects)
	}
	if _, stderr := p.invoke(0, "archive", "orders", "s3://demo/archive", "--kafka", "kafka", "--s3", "s3", "-v"); !strings.Contains(stderr, "level=DEBUG") {
		t.Errorf("--verbose: got %q, want the Kafka client's log", stderr)
	}
	dir := filepath.Join(t.TempDir(), "new")
	p.invoke(0, "archive", "orders", dir, "--kafka", "kafka", "--partitions", "0-2")
	if parts, err := os.ReadDir(filepath.Join(dir, "orders")); err != nil || len(parts) != 3 {
		t.Errorf("directory: got %d partitions (%v), want 3", len(parts), err)
	}
}

func TestArchiveRefusesWhatCanNotBe(t *testing.T) {
	p := newPlace(t)
	rows := []struct {
		args []string
		want int
		says string
	}{
		{[]string{"archive", "orders", "s3://demo/a", "--kafka", "nobody"}, client.ExitUsage, "no connection is named"},
		{[]string{"archive", "orders", "s3://demo/a", "--kafka", "s3"}, client.ExitUsage, "is not kafka"},
		{[]string{"archive", "no-such-topic", "s3://demo/a", "--kafka", "kafka", "--s3", "s3"}, client.ExitNotFound, "unknown topic"},
		{[]string{"archive", "orders", "s3://no-such-bucket/a", "--kafka", "kafka", "--s3", "s3"}, client.ExitNotFound, "BST-E3203"},
		{[]string{"archive", "orders", "s3://demo/a", "--kafka", "127.0.0.1:1"}, client.ExitFailed, "BST-E3101"},
		{[]string{"archive", "orders", "s3://demo/a"}, client.ExitUsage, "--kafka is missing"},
		{[]string{"archive", "orders", "s3://demo/a", "--kafka", "kafka", "--range", "@-1h:-2h"}, client.ExitUsage, "range is empty"},
		{[]string{"archive", "orders", "s3://demo/a", "--kafka", "kafka", "--partitions", "7-1"}, client.ExitUsage, "is not a range"},
	}
	for _, row := range rows {
		if _, stderr := p.invoke(row.want, row.args...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want it to say %q", row.args, stderr, row.says)
		}
	}
}

func TestDoctorNamesWhatIsWrong(t *testing.T) {
	p := newPlace(t)
	stdout, _ := p.invoke(0, "doctor", "--no-cluster", "--kafka", "kafka", "--topic", "orders", "--archive", "s3://demo/archive", "--s3", "s3")
	for _, code := range []string{"ok    BST-D401", "ok    BST-D402", "warn  BST-D302"} {
		if !strings.Contains(stdout, code) {
			t.Errorf("want %q in:\n%s", code, stdout)
		}
	}
	stdout, _ = p.invoke(1, "doctor", "--no-cluster", "--kafka", "kafka", "--topic", "nothing", "-o", "json")
	if !strings.Contains(stdout, `"fail"`) || !strings.Contains(stdout, "BST-D402") {
		t.Errorf("unknown topic: got %s", stdout)
	}
	stdout, _ = p.invoke(1, "doctor", "--addr", "127.0.0.1:1")
	if !strings.Contains(stdout, "fail  BST-D200") {
		t.Errorf("no node: got %s", stdout)
	}
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte("node: {nmae: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, _ = p.invoke(1, "doctor", "--no-cluster", "--config", file); !strings.Contains(stdout, "fail  BST-D101") {
		t.Errorf("typo in the configuration: got %s", stdout)
	}
}
