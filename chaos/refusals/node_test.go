//go:build process

package refusals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"backstitch/chaos/process"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
	"backstitch/storage"
)

// diskBytes is the size of the disk of the node whose disk will be full: room for the start, not for much more.
const diskBytes = 96 << 20

// TestNodes hurts one node at a time. The other two answer all the time, and what the cluster knows stays.
func TestNodes(t *testing.T) {
	small := false
	s := newSite(t, func(dir string) { small = mountSmallDisk(t, filepath.Join(dir, "node-c")) })
	s.must(t, 0, "run", s.plan(t, s.spec(t, "before")), "-q")
	t.Run("half a configuration", s.halfAConfiguration)
	t.Run("newer data", s.newerData)
	t.Run("second node with the same id", s.sameID)
	t.Run("corrupt log", s.corruptLog)
	t.Run("full disk", func(t *testing.T) {
		if !small {
			t.Skip("NOT TESTED: a small disk can be mounted by root only")
		}
		s.fullDisk(t)
	})
}

// mountSmallDisk gives a node a disk of its own, which can be filled without hurting anybody else.
func mountSmallDisk(t *testing.T, dir string) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("backstitch-small-disk", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskBytes)); err != nil {
		t.Logf("mount: %v", err)
		return false
	}
	// Registered before the agents are started, so it runs after they have ended.
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return true
}

// agent runs an agent that must end by itself, and returns its exit status and what it said.
func (s *site) agent(t *testing.T, name string, args ...string) result {
	t.Helper()
	log := filepath.Join(s.dir, name+".out")
	p := testbed.Start(t, process.Spec{
		Name: name, Path: program, Args: append([]string{"agent"}, args...), Env: testbed.Keys(), Dir: s.dir, Log: log,
	})
	return s.ended(t, p, log)
}

// ended waits for an agent to end by itself.
func (s *site) ended(t *testing.T, p *process.Process, log string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	status, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return result{status: status, stderr: string(text)}
}

// log is where a node of the fleet writes what it says.
func (s *site) log(n *testbed.Node) string { return n.Spec().Log }

// others makes sure that the nodes besides n serve, and that the book is what it was.
func (s *site) others(t *testing.T, n *testbed.Node) {
	t.Helper()
	for _, o := range s.Others(n) {
		s.Ready(t, o)
		jobs, _, err := s.Ask(t, o).Jobs(t.Context(), client.Blocking{})
		if err != nil {
			t.Fatalf("%s: %v", o.Name, err)
		}
		if len(jobs) == 0 || jobs[len(jobs)-1].Name != "before" || jobs[len(jobs)-1].State != "succeeded" {
			t.Errorf("%s: jobs: got %+v, want the one that succeeded before", o.Name, jobs)
		}
	}
}

func (s *site) halfAConfiguration(t *testing.T) {
	fresh := filepath.Join(s.dir, "never")
	write := func(name, text string) string {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ports := testbed.FreePorts(t, 3)
	tests := []struct {
		name string
		want refusal
		args []string
	}{
		{"nothing", refusal{2, "BST-E4006", []string{"dataDir is not set"}, "--data-dir DIR"}, nil},
		{"nobody to join", refusal{2, "BST-E4006", []string{"cluster.retryJoin is empty", "bootstrapExpect is 3"}, "--retry-join HOST:7422"},
			[]string{"--data-dir", fresh, "--bootstrap-expect", "3"}},
		{"certificate without key", refusal{2, "BST-E4006", []string{"only some of ca, cert and key"}, "backstitch cluster ca"},
			[]string{"--data-dir", fresh, "--tls-cert", "node.pem"}},
		{"certificates that are not there", refusal{2, "BST-E0407", []string{"no-ca.pem"}, "backstitch cluster cert"},
			[]string{"--config", write("tls.yaml", fmt.Sprintf("dataDir: %s\nlisten: {api: \"127.0.0.1:%d\", rpc: \"127.0.0.1:%d\", gossip: \"127.0.0.1:%d\"}\n"+
				"tls: {ca: no-ca.pem, cert: no.pem, key: no.key}\n", fresh, ports, ports+1, ports+2))}},
		{"open to everybody", refusal{2, "BST-E4006", []string{"listen.api 0.0.0.0:7420", "tls is not set", "gossip.keyFile is not set"}, "backstitch cluster ca"},
			[]string{"--data-dir", fresh, "--listen-api", "0.0.0.0:7420"}},
		{"no file", refusal{2, "BST-E4006", []string{"absent.yaml"}, "backstitch config print"}, []string{"--config", "absent.yaml"}},
		{"unknown key", refusal{2, "BST-E4006", []string{"typo.yaml", `"datadir"`, "did you mean dataDir?"}, "backstitch config print"},
			[]string{"--config", write("typo.yaml", "datadir: /data\n")}},
		{"secret in the file", refusal{2, "BST-E4006", []string{"connections.prod.kafka.sasl.password is not a reference"}, "env:NAME"},
			[]string{"--config", write("secret.yaml", "dataDir: "+fresh+"\nconnections: {prod: {kafka: {brokers: [\"k:9092\"], sasl: {mechanism: plain, user: \"env:U\", password: hunter2}}}}\n")}},
		{"taken port", refusal{2, "BST-E4006", []string{s.Nodes[0].API, "address already in use"}, "--listen-api"},
			[]string{"--data-dir", fresh, "--listen-api", s.Nodes[0].API}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := execute(t, s.dir, testbed.Keys(), append([]string{"agent"}, test.args...)...)
			judge(t, "agent", test.want, r)
			if r.stdout != "" {
				t.Errorf("stdout: got %q, want nothing", r.stdout)
			}
			if strings.Contains(r.stderr, "hunter2") {
				t.Errorf("the secret is in the message:\n%s", r.stderr)
			}
			judgeJSON(t, "agent", test.want, execute(t, s.dir, testbed.Keys(), append(append([]string{"agent"}, test.args...), "-o", "json")...))
		})
	}
	if _, err := os.Stat(filepath.Join(fresh, "identity.json")); err == nil {
		t.Errorf("a node that was refused has made itself an identity in %s", fresh)
	}
}

// newerData stands for a downgrade.
func (s *site) newerData(t *testing.T) {
	n := s.Nodes[0]
	n.Terminate(limit)
	path := filepath.Join(s.dir, n.Name, "data", "FORMAT")
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := storage.Seal([]byte("backstitch data format 99\nwritten by backstitch 7.4\n"))
	if err := os.WriteFile(path, newer, 0o644); err != nil {
		t.Fatal(err)
	}
	before := files(t, filepath.Join(s.dir, n.Name))
	r := s.agent(t, "newer", "--config", filepath.Join(s.dir, n.Name+".yaml"))
	judge(t, "agent", refusal{21, "BST-E0202", []string{filepath.Join(s.dir, n.Name), "format 99", "7.4"}, "start backstitch 7.4"}, r)
	if after := files(t, filepath.Join(s.dir, n.Name)); after != before {
		t.Errorf("the newer data were touched:\n got %s\nwant %s", after, before)
	}
	s.others(t, n)
	if err := os.WriteFile(path, was, 0o644); err != nil {
		t.Fatal(err)
	}
	s.Start(s.parent, n)
	s.Ready(t, n)
}

// sameID starts a second agent on a copy of a node's directory, as when a disk was cloned together with its machine. A third
// one tries the directory itself.
func (s *site) sameID(t *testing.T) {
	n := s.Nodes[1]
	own := filepath.Join(s.dir, n.Name)
	r := s.agent(t, "same-directory", "--config", s.elsewhere(t, n, own))
	judge(t, "agent", refusal{25, "BST-E0204", []string{own, "in use by another process"}, "stop the other process"}, r)

	clone := filepath.Join(s.dir, "clone")
	copyDir(t, own, clone)
	r = s.agent(t, "clone", "--config", s.elsewhere(t, n, clone))
	judge(t, "agent", refusal{25, "BST-E0402", []string{"node node-b", "is running at"}, "stop the other process first"}, r)
	if !n.Running() {
		t.Fatalf("the node whose id was taken has ended:\n%s", tail(t, s.log(n)))
	}
	s.Ready(t, n)
	s.others(t, n)
	s.Healthy(t)
}

// elsewhere is a node's configuration with other ports and another directory.
func (s *site) elsewhere(t *testing.T, n *testbed.Node, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, n.Name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first := testbed.FreePorts(t, 3)
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "dataDir":
			line = fmt.Sprintf("dataDir: %q\n", dir)
		case "api":
			line = fmt.Sprintf("  api: \"127.0.0.1:%d\"\n", first)
		case "rpc":
			line = fmt.Sprintf("  rpc: \"127.0.0.1:%d\"\n", first+1)
		case "gossip":
			line = fmt.Sprintf("  gossip: \"127.0.0.1:%d\"\n", first+2)
		}
		out.WriteString(line)
	}
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%d.yaml", n.Name, first))
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// copyDir copies a directory that is in use. Files that vanish meanwhile are left out.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		body, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(target, body, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// corruptLog flips bytes in the log of a node that is down. It must say so, keep the old bytes, and come back to voting alone.
func (s *site) corruptLog(t *testing.T) {
	n := s.Nodes[1]
	n.Terminate(limit)
	dir := filepath.Join(s.dir, n.Name)
	logs, err := filepath.Glob(filepath.Join(dir, "data", "pebble", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	flipped := 0
	for _, log := range logs {
		body, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		end := len(bytes.TrimRight(body, "\x00")) // the rest was reserved and never written
		for at := end / 4; at < end*3/4; at += max(end/16, 1) {
			body[at] ^= 0x40
			flipped++
		}
		if err := os.WriteFile(log, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if flipped == 0 {
		t.Fatal("nothing to flip")
	}
	s.others(t, n)
	s.Start(s.parent, n)
	s.Ready(t, n)
	s.Healthy(t)
	s.others(t, n)
	said := tail(t, s.log(n))
	if !strings.Contains(said, "was set aside") || !strings.Contains(said, "comes back as a learner") {
		t.Errorf("the node does not say what it did:\n%s", said)
	}
	aside, err := filepath.Glob(filepath.Join(dir, "data.damaged-*"))
	if err != nil || len(aside) != 1 {
		t.Errorf("set aside: got %q, %v, want one directory", aside, err)
	}
	jobs, _, err := s.Ask(t, n).Jobs(t.Context(), client.Blocking{})
	if err != nil || len(jobs) != 1 || jobs[0].Name != "before" {
		t.Errorf("the book did not come back: %+v, %v", jobs, err)
	}
}

// fullDisk fills the disk of a running node. It must end by itself and never acknowledge anything again; with room it comes
// back.
func (s *site) fullDisk(t *testing.T) {
	n := s.Nodes[2]
	filler := filepath.Join(s.dir, n.Name, "filler")
	fill(t, filler)
	accepted := 0
	testbed.Eventually(t, limit, "the node to end", func() bool {
		if !n.Running() {
			return true
		}
		if s.submitHeavy(t, n, accepted) {
			accepted++
		}
		return false
	})
	r := s.ended(t, n.Process, s.log(n))
	judge(t, "agent", refusal{22, "BST-E0203", []string{filepath.Join(s.dir, n.Name), "disk is full"}, "free space"}, r)
	t.Logf("ended after %d MiB", accepted)
	others := s.Ask(t, s.Others(n)...)
	jobs, _, err := others.Jobs(t.Context(), client.Blocking{})
	if err != nil || len(jobs) != accepted+1 {
		t.Errorf("jobs: got %d, %v, want all %d that were accepted and the first", len(jobs), err, accepted)
	}
	// A supervisor starts it again at once, which must not make anything worse.
	r = s.agent(t, "still-full", "--config", filepath.Join(s.dir, n.Name+".yaml"))
	judge(t, "agent", refusal{22, "BST-E0203", []string{filepath.Join(s.dir, n.Name), "disk is full"}, "free space"}, r)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.Start(s.parent, n)
	s.Ready(t, n)
	s.Healthy(t)
	jobs, _, err = s.Ask(t, n).Jobs(t.Context(), client.Blocking{})
	if err != nil || len(jobs) != accepted+1 {
		t.Errorf("jobs at the node that was full: got %d, %v, want %d", len(jobs), err, accepted+1)
	}
}

// fill takes all the room of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// submitHeavy gives the others a job with a recipe of nearly 1 MiB, so that logs grow. The job itself can not run: no agent
// knows its kind of recipe. It reports whether the job was accepted.
func (s *site) submitHeavy(t *testing.T, full *testbed.Node, number int) bool {
	t.Helper()
	pad := strings.Repeat("x", 1<<20-64)
	hash := fmt.Sprintf("%064x", number+1)
	_, err := s.Ask(t, s.Others(full)...).Submit(t.Context(), client.Submission{
		ID: "bs-heavy" + string(rune('a'+number/26)) + string(rune('a'+number%26)), Name: fmt.Sprintf("heavy-%05d", number), Namespace: "default", PlanHash: hash,
		Recipe: []byte(`{"version":99,"pad":"` + pad + `"}`), Locks: []string{fmt.Sprintf("nowhere/%d", number)}, Priority: 50, Records: 1, Bytes: 1,
		Slices: []client.Slice{{Kind: "fill", Ranges: []client.Range{{From: 0, To: 1}}, Records: 1, Bytes: 1}},
	})
	if err != nil && !client.HasCode(err, client.CodeNoLeader) && !client.HasCode(err, client.CodeOutcomeUnknown) {
		t.Fatalf("submit: %v", err)
	}
	return err == nil
}

// tail is what a node said last.
func tail(t *testing.T, log string) string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[max(0, len(text)-64<<10):])
}
