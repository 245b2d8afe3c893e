package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"backstitch/chaos/process"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
	dirbucket "backstitch/replay/bucket/dir"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink/objects"
)

// rework is a topic of which a bad deploy spoiled a part, an archive of it, and a cluster of one agent that can be killed.
type rework struct {
	broker
	dir   string
	ports sitePorts
	agent *process.Process
}

const (
	perPartition = 120
	// The deploy wrote the records from spoiledFrom to spoiledTo in seconds, where readers want milliseconds.
	spoiledFrom, spoiledTo = 40, 90
)

func event(part int32, n int, fixed bool) record.Record {
	took, deploy := 1000*(n+1), "1.8"
	if n >= spoiledFrom && n < spoiledTo {
		deploy = "1.9"
		if !fixed {
			took = n + 1
		}
	}
	return record.Record{Key: fmt.Appendf(nil, "order-%d-%d", part, n), Value: fmt.Appendf(nil, `{"n":%d,"took":%d,"deploy":"%s"}`, n, took, deploy),
		TimestampMs: 1_700_000_000_000 + int64(n)*60_000}
}

func newRework(t *testing.T) *rework {
	t.Helper()
	w := &rework{broker: newBroker(t, "orders", "orders-v2", "moved", "live"), dir: t.TempDir()}
	for part := range int32(2) {
		var rs []record.Record
		for n := range perPartition {
			rs = append(rs, event(part, n, false))
		}
		w.Produce("orders", part, rs...)
	}
	for _, topic := range []string{"orders-v2", "moved", "live"} {
		w.set(topic, "retention.ms", "-1") // the story is old
	}
	var err error
	if w.ports, err = freePorts(1); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("agent:\n%s", tail(filepath.Join(w.dir, "agent.log"), 30))
		}
		w.agent.Terminate(0)
	})
	return w
}

// in is the same for a part of the test.
func (w *rework) in(t *testing.T) *rework {
	w.t, w.broker.t = t, t
	return w
}

func (w *rework) addr() string { return fmt.Sprintf("127.0.0.1:%d", w.ports.nodes[0]) }

// config allows one program, which appends its token and its arguments to a file.
func (w *rework) config() string {
	w.t.Helper()
	script, file := filepath.Join(w.dir, "note.sh"), filepath.Join(w.dir, "agent.yaml")
	for path, text := range map[string]string{script: "#!/bin/sh\necho \"$BACKSTITCH_TOKEN $*\" >> " + w.noted() + "\necho noted\n", file: "exec: {allow: {note: {path: " + script + "}}}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	return file
}

func (w *rework) noted() string { return filepath.Join(w.dir, "noted") }

func (w *rework) start() {
	w.t.Helper()
	exe, err := exec.LookPath("backstitch") // this test binary, see TestMain
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.ports.nodes[0]
	w.agent, err = process.Start(process.Spec{Name: "agent", Path: exe, Log: filepath.Join(w.dir, "agent.log"), Args: []string{
		"agent", "--config", w.config(), "--name", "node-a", "--data-dir", filepath.Join(w.dir, "data"), "--listen-api", w.addr(),
		"--listen-rpc", fmt.Sprintf("127.0.0.1:%d", p+1), "--listen-gossip", fmt.Sprintf("127.0.0.1:%d", p+2), "--bootstrap-expect", "1",
		"--disk-soft", "100", "--disk-hard", "100", // of the machine that the test happens to run on
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	testbed.Eventually(w.t, 20*time.Second, "the agent to lead", func() bool {
		var s client.Cluster
		out, _, exit := invoke(w.t, nil, "cluster", "status", "-o", "json", "--addr", w.addr())
		return exit == client.ExitOK && json.Unmarshal([]byte(out), &s) == nil && s.Leader != nil
	})
}

// amid returns what kills the agent with SIGKILL when it has sent a few batches and waits for the answer to the next one, and starts it again.
func (w *rework) amid() func() {
	reached, release := make(chan struct{}), make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	w.t.Cleanup(let)
	n := 0
	w.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if n++; n == 5 {
			close(reached)
			<-release
		}
		return nil, nil, false
	})
	return func() {
		w.t.Helper()
		select {
		case <-reached:
		case <-time.After(20 * time.Second):
			w.t.Fatal("the job writes nothing")
		}
		w.agent.Kill()
		let()
		w.start()
	}
}

func (w *rework) do(want int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	stdout, stderr, got := invoke(w.t, nil, append(args, "--addr", w.addr())...)
	if got != want {
		w.t.Fatalf("%v: exit status: got %d, want %d\n%s%s", args, got, want, stdout, stderr)
	}
	return stdout, stderr
}

// run runs a job that mends the topic into a target until it waits for nobody.
func (w *rework) run(name, target string, hurt func()) (job string) {
	w.t.Helper()
	spec, plan := w.spec(name, target), filepath.Join(w.dir, name+".plan")
	w.do(client.ExitOK, "plan", "-f", spec, "-o", plan, "-q")
	stdout, _ := w.do(client.ExitOK, "run", plan, "--detach", "-o", "name", "-q")
	job = strings.TrimSpace(stdout)
	if hurt != nil {
		hurt()
	}
	w.do(client.ExitOK, "wait", job, "-q")
	return job
}

// spec archives the topic if there is no archive yet, and writes the spec of a recovery that mends it into a target.
func (w *rework) spec(name, target string) (spec string) {
	w.t.Helper()
	archive := filepath.Join(w.dir, "archive")
	if _, err := os.Stat(archive); err != nil {
		w.broker.run(client.ExitOK, "archive", "orders", archive, "-q")
	}
	spec = filepath.Join(w.dir, name+".yaml")
	text := fmt.Sprintf(`apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: %s}
spec:
  source: {dir: {path: %s, topic: orders}}
  target: %s
  transform:
    version: v2
    steps:
      - set: {field: took, expr: 'value.deploy == "1.9" ? value.took * 1000 : value.took'}
    examples:
      - {in: {took: 7, deploy: "1.9"}, out: {took: 7000, deploy: "1.9"}}
      - {in: {took: 7000, deploy: "1.8"}, out: {took: 7000, deploy: "1.8"}}
  write: {commitRecords: 20}
`, name, archive, target)
	if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return spec
}

func (w *rework) topic(name string) string {
	return fmt.Sprintf("{kafka: {brokers: %q, topic: %s}}", w.broker.addr(), name)
}

// alias is what a client that resolves the name is told.
func (w *rework) alias(name string) (a client.Alias) {
	w.t.Helper()
	stdout, _ := w.do(client.ExitOK, "alias", "show", name, "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// values are those of one partition in order, as a consumer of committed data that begins at an offset sees them.
func (w *rework) values(topic string, part int32, from int64) (out []string) {
	w.t.Helper()
	cl := w.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {part: kgo.NewOffset().At(from)}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer cl.Close()
	for end := time.Now().Add(20 * time.Second); len(out) == 0 || !strings.Contains(out[len(out)-1], fmt.Sprintf(`"n":%d,`, perPartition-1)); {
		if time.Now().After(end) {
			w.t.Fatalf("%s/%d does not end as it should: %d records", topic, part, len(out))
		}
		fetched := cl.PollFetches(w.t.Context())
		if err := fetched.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
	}
	return out
}

func wanted(part int32, from int, fixed bool) (out []string) {
	for n := from; n < perPartition; n++ {
		out = append(out, string(event(part, n, fixed).Value))
	}
	return out
}

func TestReprocessing(t *testing.T) {
	w := newRework(t)
	t.Run("topic", func(t *testing.T) { reworkABadDeploy(t, w.in(t)) })
	t.Run("clusters", func(t *testing.T) { publishAcrossClusters(t, w.in(t)) })
	t.Run("files", func(t *testing.T) { takeFilesBack(t, w.in(t)) }) // which also adds a record
	t.Run("flow", func(t *testing.T) { rollAFlowBack(t, w.in(t)) })
	t.Run("refusals", func(t *testing.T) { refuseTheRest(t, w.in(t)) })
}

// A bad deploy wrote a wrong unit. The records are mended into a new topic, proved, and published with a group; the agent is killed while it
// writes. Taking it back leaves everything as it was, and it can be published again.
func reworkABadDeploy(t *testing.T, w *rework) {
	at := map[int32]int64{0: 50, 1: 110}
	w.commit("billing", "orders", at)
	job := w.run("orders-v2", w.topic("orders-v2"), w.amid())

	publish := []string{"publish", job, "--as", "orders", "--from", "orders", "--groups", "billing"}
	stdout, _ := w.do(client.ExitOK, append(publish, "--dry-run")...)
	for _, want := range []string{"Alias orders   orders -> orders-v2", "p00                   50", "Nothing was written."} {
		if !strings.Contains(stdout, want) {
			t.Errorf("dry run: want %q in\n%s", want, stdout)
		}
	}
	w.do(client.ExitNotFound, "alias", "show", "orders")
	if _, stderr := w.do(client.ExitUsage, publish...); !strings.Contains(stderr, "BST-E4002") {
		t.Errorf("without an answer: %s", stderr)
	}
	for round := range 2 {
		w.do(client.ExitOK, append(publish, "--yes", "--reason", "INC-4211")...)
		if a := w.alias("orders"); a.Topic != "orders-v2" || a.Versions[0].Job != job || a.Versions[0].Proof == "" || a.Versions[0].Why != "INC-4211" || !slices.Equal(a.Versions[0].Groups, []string{"billing"}) {
			t.Fatalf("published: %+v", a)
		}
		for part, from := range at {
			// The group goes on at the very record at which it stood, and what it reads is mended.
			if got := w.values("orders-v2", part, w.at("billing", "orders-v2", part)); !slices.Equal(got, wanted(part, int(from), true)) {
				t.Errorf("round %d, partition %d: reads %d records from %s, want %d", round, part, len(got), got[0], perPartition-int(from))
			}
		}
		if stdout, _ := w.do(client.ExitOK, append(publish, "--yes")...); !strings.Contains(stdout, "published already") {
			t.Errorf("published again: %s", stdout)
		}
		w.do(client.ExitUsage, "rollback", job)
		stdout, _ = w.do(client.ExitOK, "rollback", job, "--yes", "-o", "json", "--reason", "wrong after all")
		if !strings.Contains(stdout, `"rolledBack": true`) || !strings.Contains(stdout, `"kept": "orders-v2"`) {
			t.Errorf("rollback: %s", stdout)
		}
		if a := w.alias("orders"); a.Topic != "orders" || a.Version != 1 || a.Versions[0].RevertWhy != "wrong after all" {
			t.Errorf("rolled back: %+v", a)
		}
		for part, from := range at {
			if there, here := w.at("billing", "orders-v2", part), w.at("billing", "orders", part); there != -1 || here != from {
				t.Errorf("round %d, partition %d: the group stands at %d there and %d here, want nowhere and %d", round, part, there, here, from)
			}
		}
		if stdout, _ := w.do(client.ExitOK, "rollback", job); !strings.Contains(stdout, "Nothing of job "+job+" is left to take back") || !strings.Contains(stdout, "kafka-topics.sh") {
			t.Errorf("rolled back again: %s", stdout)
		}
		publish = []string{"publish", job, "--as", "orders", "--groups", "billing"}
	}
	if got := w.values("orders", 0, 0); !slices.Equal(got, wanted(0, 0, false)) {
		t.Error("the old version is not what it was")
	}
}

// held are the values that a directory shows to whoever reads it, by partition.
func (w *rework) held(dir string) (out []string) {
	w.t.Helper()
	b, err := dirbucket.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := objects.New(b, objects.Config{Topic: "orders"})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for part := range int32(2) {
		for _, r := range replaytest.ReadTarget(w.t, s, part) {
			out = append(out, string(r.Value))
		}
	}
	return out
}

// What a job wrote into files is passed over once it is rolled back, and nothing is deleted; a later job goes first.
func takeFilesBack(t *testing.T, w *rework) {
	out := filepath.Join(w.dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	target := fmt.Sprintf("{dir: {path: %s, topic: orders}}", out)
	first := w.run("first", target, nil)
	before := w.held(out)
	if want := slices.Concat(wanted(0, 0, true), wanted(1, 0, true)); !slices.Equal(before, want) {
		t.Fatalf("the first job wrote %d records, want %d", len(before), len(want))
	}
	w.Produce("orders", 0, record.Record{Key: []byte("late"), Value: []byte(`{"n":9,"took":1,"deploy":"1.8"}`), TimestampMs: 1_700_100_000_000})
	w.broker.run(client.ExitOK, "archive", "orders", filepath.Join(w.dir, "archive"), "-q")
	second := w.run("second", target, nil)
	w.do(client.ExitOK, "publish", first, "--as", "files", "--yes")
	w.do(client.ExitOK, "publish", second, "--as", "files", "--yes")

	_, stderr := w.do(client.ExitConflict, "rollback", first, "--yes")
	if !strings.Contains(stderr, "BST-E4082") || !strings.Contains(stderr, "backstitch rollback "+second) {
		t.Errorf("while a later one is published: %s", stderr)
	}
	stdout, _ := w.do(client.ExitOK, "rollback", second, "--dry-run")
	if !strings.Contains(stdout, "files   1 records to be made void") || len(w.held(out)) != len(before)+1 {
		t.Errorf("dry run: %s", stdout)
	}
	if _, stderr := w.do(client.ExitUsage, "rollback", second, "--kafka", "127.0.0.1:1", "--yes"); !strings.Contains(stderr, "nothing is asked of a Kafka here") {
		t.Errorf("a Kafka for a job of files: %s", stderr)
	}
	w.do(client.ExitOK, "rollback", second, "--yes")
	w.do(client.ExitOK, "rollback", second, "--kafka", "127.0.0.1:1") // nothing is left, so it is no mistake any more
	if got := w.held(out); !slices.Equal(got, before) {
		t.Fatalf("after the rollback: %d records, want the %d from before", len(got), len(before))
	}
	if a := w.alias("files"); a.Versions[0].State != "reverted" || a.Version != 1 {
		t.Errorf("alias: %+v", a)
	}
	if stdout, _ = w.do(client.ExitOK, "rollback", second, "-o", "json"); !strings.Contains(stdout, `"void": true`) {
		t.Errorf("again: %s", stdout)
	}
	if stdout, _ = w.do(client.ExitOK, "status", second); !strings.Contains(stdout, "rolled back") {
		t.Errorf("status: %s", stdout)
	}
	// A comparison sees what a reader sees, and nobody publishes or runs it again.
	w.do(client.ExitDiffer, "verify", second, "-q")
	if _, stderr = w.do(client.ExitConflict, "publish", second, "--as", "files", "--yes"); !strings.Contains(stderr, "BST-E4087") {
		t.Errorf("published again: %s", stderr)
	}
	if _, stderr = w.do(client.ExitConflict, "run", filepath.Join(w.dir, "second.plan"), "--detach"); !strings.Contains(stderr, "rolled back") {
		t.Errorf("run again: %s", stderr)
	}
	// A new plan writes it once more.
	w.run("third", target, nil)
	if got := w.held(out); len(got) != len(before)+1 {
		t.Errorf("a new plan: %d records, want %d", len(got), len(before)+1)
	}
	if _, stderr = w.do(client.ExitConflict, "rollback", first, "--yes"); !strings.Contains(stderr, "BST-E4082") {
		t.Errorf("while a later one has written: %s", stderr)
	}
}

// A flow whose second step fails takes back what its first one wrote into files, with nobody there to do it.
func rollAFlowBack(t *testing.T, w *rework) {
	out := filepath.Join(w.dir, "flowed")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	w.spec("flowed", fmt.Sprintf("{dir: {path: %s, topic: orders}}", out))
	file := filepath.Join(w.dir, "flow.yaml")
	if err := os.WriteFile(file, []byte(`apiVersion: backstitch.dev/v1
kind: Flow
metadata: {name: rework}
spec:
  retry: {attempts: 1}
  steps:
    - {name: fill, uses: {file: flowed.yaml}, undo: {rollback: true}}
    - {name: note, needs: [fill], exec: {node: node-a, program: note, args: ["a b", "$(id)"]}}
    - {name: tell, needs: [note, fill], gate: {verified: fill}, http: {url: "http://127.0.0.1:1/told"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(w.dir, "other.yaml")
	if err := os.WriteFile(other, []byte("apiVersion: backstitch.dev/v1\nkind: Flow\nmetadata: {name: other}\nspec:\n  steps:\n    - {name: a, exec: {node: node-a, program: other}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := w.do(client.ExitUsage, "flow", "submit", "-f", other); !strings.Contains(stderr, "BST-E1212") || !strings.Contains(stderr, "exec.allow.other.path") {
		t.Errorf("a program that is not allowed: %s", stderr)
	}
	stdout, stderr := w.do(client.ExitRolledBack, "flow", "submit", "-f", file, "--timeout", "60s")
	for _, want := range []string{"undo-fill (undoes fill)", "records in files are void", "rolled-back"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s%s", want, stdout, stderr)
		}
	}
	if !strings.Contains(stderr, "BST-E1217") {
		t.Errorf("want BST-E1217 in %s", stderr)
	}
	if got := w.held(out); len(got) != 0 {
		t.Errorf("%d records are left", len(got))
	}
	if text, err := os.ReadFile(w.noted()); err != nil || strings.Count(string(text), "\n") != 1 || !strings.HasSuffix(string(text), " a b $(id)\n") {
		t.Errorf("the program noted %q, %v, want its arguments once", text, err)
	}
	var f client.Flow
	if stdout, _ = w.do(client.ExitOK, "flow", "show", "rework", "-o", "json"); json.Unmarshal([]byte(stdout), &f) != nil || f.Steps[0].Job == "" || !f.Steps[0].Proved {
		t.Fatalf("got %s, want a job that was proved", stdout)
	}
	if stdout, _ = w.do(client.ExitOK, "status", f.Steps[0].Job); !strings.Contains(stdout, "rolled back") {
		t.Errorf("status: %s", stdout)
	}
	if stdout, _ = w.do(client.ExitOK, "audit", "list", "-o", "json"); !strings.Contains(stdout, `"actor": "flow:`+f.ID+`"`) {
		t.Errorf("the trail does not say that the flow took it back: %s", stdout)
	}
}

// Records that were appended to a live topic are not taken back, and it says what to do; nothing else is published as what a job wrote.
func refuseTheRest(t *testing.T, w *rework) {
	w.Produce("live", 0, event(0, 0, true))
	job := w.run("fill", w.topic("live"), nil)
	_, stderr := w.do(client.ExitConflict, "rollback", job, "--yes")
	for _, want := range []string{"BST-E4081", "live", "backstitch.job = " + job, "backstitch publish JOB --as live"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("in place: want %q in %s", want, stderr)
		}
	}
	for _, row := range []struct {
		args []string
		exit int
		code string
	}{
		{[]string{"publish", "bs-none", "--as", "other"}, client.ExitNotFound, "BST-E1002"},
		{[]string{"publish", job}, client.ExitUsage, "BST-E4001"},
		{[]string{"publish", job, "--as", "or/ders"}, client.ExitUsage, "BST-E4001"},
		{[]string{"publish", job, "--as", "other", "--from", "nothing"}, client.ExitNotFound, "BST-E"},
		{[]string{"publish", job, "--as", "other", "--from", "dir:/x/"}, client.ExitUsage, "BST-E4001"},
		{[]string{"publish", job, "--as", "other", "--groups", "billing"}, client.ExitUsage, "BST-E4084"},
		{[]string{"publish", job, "--as", "other", "--allow-missing"}, client.ExitUsage, "--groups names none"},
		{[]string{"publish", job, "--as", "other", "--from", "orders", "--groups", "nobody"}, client.ExitNotFound, "BST-E"},
		{[]string{"rollback", "bs-none"}, client.ExitNotFound, "BST-E1002"},
	} {
		if _, stderr := w.do(row.exit, append(row.args, "--yes")...); !strings.Contains(stderr, row.code) {
			t.Errorf("%v: want %s in %s", row.args, row.code, stderr)
		}
	}
	// A record that only the old topic has would be left out by a group that has yet to see it.
	w.Produce("orders", 0, event(0, perPartition+1000, true))
	w.commit("late", "orders", map[int32]int64{0: 0, 1: 0})
	publish := []string{"publish", job, "--as", "other", "--from", "orders", "--groups", "late", "--dry-run"}
	if _, stderr := w.do(client.ExitPartly, publish...); !strings.Contains(stderr, "BST-E4067") || !strings.Contains(stderr, "--allow-missing") {
		t.Errorf("a group that would leave a record out: %s", stderr)
	}
	if stdout, _ := w.do(client.ExitOK, append(publish, "--allow-missing")...); !strings.Contains(stdout, "BST-P227") {
		t.Errorf("and is to: %s", stdout)
	}
	// The topic is made anew under the same name: the proof is not about it.
	adm := kadm.NewClient(w.Client())
	if _, err := adm.DeleteTopic(t.Context(), "live"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), replaytest.Partitions, 1, nil, "live"); err != nil {
		t.Fatal(err)
	}
	if _, stderr := w.do(client.ExitConflict, "publish", job, "--as", "other", "--from", "orders", "--yes"); !strings.Contains(stderr, "BST-E4085") {
		t.Errorf("a topic that was made anew: %s", stderr)
	}
	if stdout, _ := w.do(client.ExitOK, "alias", "list", "-o", "name"); strings.Contains(stdout, "other") {
		t.Errorf("something was published: %s", stdout)
	}
}
