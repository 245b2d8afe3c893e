//go:build process

package refusals

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestInput makes every mistake that can be made before a job runs, and those that show while it runs, on one site.
func TestInput(t *testing.T) {
	s := newSite(t, nil)
	t.Run("spec", s.badSpecs)
	t.Run("range without records", s.emptyRange)
	t.Run("unknown topic", s.unknownTopic)
	t.Run("unreachable", s.unreachable)
	t.Run("wrong credentials", s.wrongCredentials)
	t.Run("swapped", s.swapped)
	t.Run("not a plan", s.notAPlan)
	t.Run("plan of another cluster", s.otherCluster)
	t.Run("object deleted since the plan", s.objectGone)
	t.Run("object replaced since the plan", s.objectReplaced)
	t.Run("target recreated since the plan", s.recreated)
	t.Run("truncated gzip", s.truncatedGzip)
	t.Run("two jobs on one range", s.twoJobs)
	t.Run("object deleted while the job runs", s.objectGoneInFlight)
	t.Run("target recreated while the job runs", s.recreatedInFlight)
	t.Run("json", s.everyCommandPrintsJSON)
}

func (s *site) badSpecs(t *testing.T) {
	tests := []struct {
		name     string
		old, new string
		code     string
		names    []string
	}{
		{"unknown-key", "bucket:", "buckt:", "BST-E2002", []string{"unknown-key.yaml:9:", "buckt", "did you mean bucket?"}},
		{"wrong-unit", "spec:\n", "spec:\n  slices: {bytes: 50mb}\n", "BST-E2004", []string{"wrong-unit.yaml:6:", `spec.slices.bytes is "50mb"`, "64MiB"}},
		{"no-unit", "spec:\n", "spec:\n  write: {commitInterval: 5}\n", "BST-E2004", []string{"no-unit.yaml:6:", "spec.write.commitInterval"}},
		{"empty-range", "spec:\n", "spec:\n  range: {from: \"2026-01-02T00:00:00Z\", to: \"2026-01-02T00:00:00Z\"}\n", "BST-E2010",
			[]string{"empty-range.yaml:6:", "[2026-01-02T00:00:00Z,2026-01-02T00:00:00Z) is empty"}},
		{"reversed-range", "spec:\n", "spec:\n  range: {offsets: {from: 9, to: 3}}\n", "BST-E2010", []string{"reversed-range.yaml:6:", "9", "3"}},
		{"unknown-connection", "connection: kafka", "connection: kafak", "BST-E2012", []string{`"kafak"`, "kafka"}},
		{"same-topic", "s3:\n      connection: s3\n      bucket: sandbox\n      prefix: archive\n", "kafka:\n      connection: kafka\n      topic: orders\n",
			"BST-E2011", []string{`topic "orders"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := s.spec(t, test.name, test.old, test.new)
			want := refusal{2, test.code, test.names, "backstitch spec validate " + file}
			s.refuses(t, want, "plan", "-f", file)
			s.refuses(t, want, "run", "-f", file, "--yes")
		})
	}
}

// emptyRange asks for a time at which nothing was written. Nothing compared is never a pass.
func (s *site) emptyRange(t *testing.T) {
	file := s.spec(t, "no-records", "spec:\n", "spec:\n  range: {from: \"2031-01-02T00:00:00Z\", to: \"2031-01-03T00:00:00Z\"}\n")
	want := refusal{2, "BST-E1125", []string{"archive of orders in " + s.archive(), "2031-01-02T00:00:00Z"}, "backstitch gaps heatmap"}
	s.refuses(t, want, "plan", "-f", file)
	s.refuses(t, want, "run", "-f", file, "--yes")
	s.refuses(t, want, "gaps", "list", "-f", file)
	s.refuses(t, refusal{2, "BST-E4001", []string{"range is empty"}, "backstitch gaps list --help"},
		"gaps", "list", "orders", "--kafka", testbed.KafkaConnection, "--archive", s.archive(), "--s3", testbed.S3Connection, "--range", "@-1h:-2h")
}

func (s *site) unknownTopic(t *testing.T) {
	file := s.spec(t, "unknown-topic", "topic: orders", "topic: ordesr")
	s.refuses(t, refusal{10, "BST-E1123", []string{"topic ordesr at kafka"}, "spec.target"}, "plan", "-f", file)
	s.refuses(t, refusal{10, "BST-E1123", []string{"topic ordesr at kafka"}, "spec.target"}, "run", "-f", file, "--yes")
	s.refuses(t, refusal{10, "BST-E4012", []string{"topic ordesr"}, "check the name"},
		"archive", "ordesr", s.archive(), "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection)
	file = s.spec(t, "unknown-prefix", "prefix: archive", "prefix: nothing-here")
	s.refuses(t, refusal{10, "BST-E1124", []string{"archive of orders in s3://sandbox/nothing-here"}, "spec.source"}, "plan", "-f", file)
	file = s.spec(t, "unknown-bucket", "bucket: sandbox", "bucket: sandbux")
	s.refuses(t, refusal{10, "BST-E3203", []string{"s3://sandbux"}, "check the name"}, "plan", "-f", file)
}

func (s *site) unreachable(t *testing.T) {
	closed := fmt.Sprintf("127.0.0.1:%d", testbed.FreePorts(t, 1))
	s.refuses(t, refusal{1, "BST-E3101", []string{"kafka " + closed, "connection refused"}, "check the addresses"},
		"plan", "orders", "--kafka", closed, "--archive", s.archive(), "--s3", testbed.S3Connection)
	s.refuses(t, refusal{1, "BST-E3101", []string{"kafka " + closed}, "check the addresses"},
		"archive", "orders", s.archive(), "--kafka", closed, "--s3", testbed.S3Connection)
	s.refuses(t, refusal{1, "BST-E3201", []string{s.archive(), closed, "connection refused"}, "check the address"},
		"plan", "orders", "--kafka", testbed.KafkaConnection, "--archive", s.archive(), "--s3", "http://"+closed)
	s.refuses(t, refusal{13, "BST-E1011", []string{closed}, ""}, "status", "--addr", closed)
}

func (s *site) wrongCredentials(t *testing.T) {
	// The sandbox takes any key, so a store and a broker that do not are put in its place.
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>`)
	}))
	t.Cleanup(store.Close)
	s.refuses(t, refusal{12, "BST-E3202", []string{s.archive(), "InvalidAccessKeyId"}, "check the credentials"},
		"plan", "orders", "--kafka", testbed.KafkaConnection, "--archive", s.archive(), "--s3", store.URL)
	s.refuses(t, refusal{12, "BST-E3202", []string{s.archive()}, "check the credentials"},
		"archive", "orders", s.archive(), "--kafka", testbed.KafkaConnection, "--s3", store.URL)

	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "ana", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	connections := filepath.Join(s.dir, "login.yaml")
	text := fmt.Sprintf("connections:\n  locked:\n    kafka:\n      brokers: [%q]\n      sasl: {mechanism: plain, user: \"env:AWS_REGION\", password: %q}\n"+
		"  missing:\n    kafka:\n      brokers: [%q]\n      sasl: {mechanism: plain, user: \"env:NOBODY\", password: %q}\n",
		broker.ListenAddrs()[0], "file:"+password, broker.ListenAddrs()[0], "file:"+password)
	if err := os.WriteFile(connections, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]refusal{
		"locked":  {12, "BST-E3102", []string{"kafka " + broker.ListenAddrs()[0]}, "check user, password and mechanism"},
		"missing": {2, "BST-E3002", []string{"env:NOBODY"}, "set NOBODY"},
	} {
		s.refuses(t, want, "archive", "orders", s.dir, "--kafka", name, "--connections", connections)
		s.refuses(t, want, "plan", "orders", "--kafka", name, "--archive", s.dir, "--connections", connections)
	}
}

// swapped takes one end for the other. A plan that would pour the live topic into the archive, or one topic into another, must
// not come about.
func (s *site) swapped(t *testing.T) {
	other := testbed.Topic{Broker: s.sandbox.Broker, Name: "clicks", Partitions: partitions}
	other.Create(t)
	other.Produce(t, traffic.Noise(2, 400, partitions, recordSize), func(int64, traffic.Event) bool { return true })
	file := s.spec(t, "other-topic", "topic: orders", "topic: clicks", "prefix: archive\n", "prefix: archive\n      topic: orders\n")
	want := refusal{2, "BST-E1126", []string{"archive of orders in " + s.archive(), "topic clicks", "400"}, "check spec.source and spec.target"}
	s.refuses(t, want, "plan", "-f", file)
	s.refuses(t, want, "run", "-f", file, "--yes")

	dir := filepath.Join(s.dir, "archive-directory")
	s.must(t, 0, "archive", "orders", dir, "--kafka", testbed.KafkaConnection, "-q")
	before := files(t, dir)
	file = filepath.Join(s.dir, "swapped.yaml")
	text := fmt.Sprintf("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: swapped}\nspec:\n  source: {kafka: {connection: kafka, topic: orders}}\n"+
		"  target: {dir: {path: %q, topic: orders}}\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want = refusal{2, "BST-E1130", []string{dir, "swapped", ".bsa"}, "spec.source and spec.target"}
	s.refuses(t, want, "plan", "-f", file)
	s.refuses(t, want, "run", "-f", file, "--yes")
	if after := files(t, dir); after != before {
		t.Errorf("the archive:\n got %s\nwant %s", after, before)
	}
}

// files lists the regular files under dir with their sizes.
func files(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			fmt.Fprintf(&out, "%s %d\n", path, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func (s *site) notAPlan(t *testing.T) {
	spec := s.spec(t, "not-a-plan")
	s.refuses(t, refusal{2, "BST-E1120", []string{spec + " is not a plan"}, "backstitch run -f " + spec}, "run", spec)
	none := filepath.Join(s.dir, "none.plan")
	s.refuses(t, refusal{10, "BST-E1120", []string{none}, "backstitch plan -f SPEC -o " + none}, "run", none)
	// A plan is not written over the spec that it is made of.
	before, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	r := s.command(t, "plan", "-f", spec, "-o", spec, "-q")
	judge(t, "plan -o SPEC", refusal{1, "BST-E1131", []string{spec}, "-o FILE.plan"}, r)
	if after, err := os.ReadFile(spec); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the spec was overwritten: %v\n%s", err, after)
	}

	plan := s.plan(t, spec)
	edit(t, plan, func(file map[string]json.RawMessage) {
		file["plan"] = bytes.Replace(file["plan"], []byte(`"orders"`), []byte(`"orderz"`), 1)
	})
	s.refuses(t, refusal{2, "BST-E1121", []string{plan, "changed after it was written"}, "backstitch plan"}, "run", plan)
}

func (s *site) objectGone(t *testing.T) {
	plan := s.plan(t, s.spec(t, "gone"))
	key := s.segment(t, 1)
	body := s.get(t, key)
	s.remove(t, key)
	s.refuses(t, refusal{11, "BST-E1107", []string{strings.TrimPrefix(key, "archive/"), "is gone"}, "backstitch plan"}, "run", plan)
	s.put(t, key, body)
	s.must(t, 0, "run", plan, "--dry-run", "-q")
}

func (s *site) objectReplaced(t *testing.T) {
	plan := s.plan(t, s.spec(t, "replaced"))
	key := s.segment(t, 2)
	body := s.get(t, key)
	s.put(t, key, body[:len(body)/2])
	s.refuses(t, refusal{11, "BST-E1107", []string{strings.TrimPrefix(key, "archive/"), "was changed", "ETag"}, "backstitch plan"}, "run", plan)
	s.put(t, key, body)
}

func (s *site) recreated(t *testing.T) {
	plan := s.plan(t, s.spec(t, "recreated"))
	s.lose(t)
	s.refuses(t, refusal{11, "BST-E1107", []string{"Topic orders was recreated"}, "backstitch plan"}, "run", plan)
	other := s.plan(t, s.spec(t, "shrunk"))
	s.topic.Drop(t)
	s.topic.Create(t)
	s.refuses(t, refusal{11, "BST-E1107", []string{"orders"}, "backstitch plan"}, "run", other)
	s.lose(t)
}

// truncatedGzip cuts one of two objects of a Confluent archive in the middle. What is readable is written; what is not is named
// in the plan, and the end is not called a plain success.
func (s *site) truncatedGzip(t *testing.T) {
	topic := testbed.Topic{Broker: s.sandbox.Broker, Name: "events", Partitions: 1}
	topic.Create(t)
	line := func(n int) string { return fmt.Sprintf("{\"n\":%d,\"text\":\"%x\"}\n", n, n*2654435761) }
	object := func(from, to int) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		for n := from; n < to; n++ {
			fmt.Fprint(w, line(n))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const whole, cut = "confluent/topics/events/partition=0/events+0+0000000000.json.gz", "confluent/topics/events/partition=0/events+0+0000000500.json.gz"
	s.put(t, whole, object(0, 500))
	broken := object(500, 1000)
	s.put(t, cut, broken[:len(broken)*2/3])
	file := s.spec(t, "truncated", "prefix: archive\n", "prefix: confluent\n      layout: confluent\n      topic: events\n", "topic: orders", "topic: events")

	before := s.world(t)
	r := s.must(t, 0, "plan", "-f", file, "-q")
	for _, want := range []string{"BST-Q101", "BST-P208", filepath.Base(cut)} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("plan: no %q in:\n%s", want, r.stdout)
		}
	}
	if strings.Contains(r.stdout, "already complete") {
		t.Errorf("plan calls a partition complete that it can not read:\n%s", r.stdout)
	}
	sameWorld(t, before, s.world(t))
	r = s.command(t, "run", "-f", file, "--yes", "-q")
	judge(t, "run", refusal{3, "BST-E4014", []string{"BST-Q101", filepath.Base(cut), "the proof does not cover it"}, "backstitch plan"}, r)
	judge(t, "wait", refusal{3, "BST-E4014", []string{filepath.Base(cut)}, "backstitch plan"}, s.command(t, "wait", "truncated", "-q"))

	// With the object mended, a second job writes the rest and nothing twice.
	s.put(t, cut, broken)
	mended := s.spec(t, "mended", "prefix: archive\n", "prefix: confluent\n      layout: confluent\n      topic: events\n", "topic: orders", "topic: events")
	s.must(t, 0, "run", "-f", mended, "--yes", "-q")
	if got := s.count(t, "events"); got != "1000" {
		t.Errorf("records: got %s, want 1000", got)
	}
}

func (s *site) twoJobs(t *testing.T) {
	s.lose(t)
	first, second := s.plan(t, s.spec(t, "first")), s.plan(t, s.spec(t, "second"))
	s.must(t, 0, "run", first, "--detach", "-q")
	s.must(t, 0, "pause", "first", "-q")
	s.refuses(t, refusal{11, "BST-E1101", []string{"orders/0", "is held by job " + s.Job(t, "first").ID}, "backstitch wait"}, "run", second)
	s.must(t, 0, "resume", "first", "-q")
	s.must(t, 0, "wait", "first", "-q")
	if got := s.count(t, "orders"); got != fmt.Sprint(records) {
		t.Errorf("records: got %s, want %d", got, records)
	}
	// The second plan is still true to its word: what it would write is there by now, and is not written again.
	s.must(t, 0, "run", second, "-q")
	if got := s.count(t, "orders"); got != fmt.Sprint(records) {
		t.Errorf("records after the second plan: got %s, want %d", got, records)
	}
}

// objectGoneInFlight deletes an object of a job that is paused before it has read it: the job fails by name, keeps what it has,
// and goes on from there once the object is back.
func (s *site) objectGoneInFlight(t *testing.T) {
	s.lose(t)
	plan := s.plan(t, s.spec(t, "in-flight"))
	key := s.segment(t, 3)
	body := s.get(t, key)
	s.sandbox.Pace(t, 1000) // records come in too slowly for any slice to end
	s.must(t, 0, "run", plan, "--detach", "-q")
	s.must(t, 0, "pause", "in-flight", "-q")
	s.remove(t, key)
	s.sandbox.Pace(t, 0)
	s.must(t, 0, "resume", "in-flight", "-q")
	r := s.command(t, "wait", "in-flight", "-q")
	t.Logf("%s%s", r.stdout, r.stderr)
	if r.status != 1 && r.status != 5 {
		t.Errorf("wait: exit status: got %d, want 1 or 5", r.status)
	}
	if r = s.command(t, "status", "in-flight"); !strings.Contains(r.stdout, filepath.Base(key)) {
		r2 := s.command(t, "report", "show", "in-flight")
		if !strings.Contains(r2.stdout, filepath.Base(key)) {
			t.Errorf("neither status nor report names the object:\n%s%s\n%s%s", r.stdout, r.stderr, r2.stdout, r2.stderr)
		}
	}
	s.put(t, key, body)
	s.must(t, 0, "retry", "in-flight", "-q", "--yes")
	s.must(t, 0, "wait", "in-flight", "-q")
	if got := s.count(t, "orders"); got != fmt.Sprint(records) {
		t.Errorf("records: got %s, want %d", got, records)
	}
}

// recreatedInFlight gives a running job another topic of the same name. It must not be written into: nobody compared with it.
func (s *site) recreatedInFlight(t *testing.T) {
	s.lose(t)
	plan := s.plan(t, s.spec(t, "moved"))
	s.sandbox.Pace(t, 1000)
	s.must(t, 0, "run", plan, "--detach", "-q")
	s.must(t, 0, "pause", "moved", "-q")
	s.sandbox.Pace(t, 0)
	s.topic.Drop(t)
	s.topic.Create(t)
	s.must(t, 0, "resume", "moved", "-q")
	r := s.command(t, "wait", "moved", "-q")
	if r.status != 1 {
		t.Errorf("wait: exit status: got %d, want 1\n%s%s", r.status, r.stdout, r.stderr)
	}
	judge(t, "wait", refusal{1, "BST-E4008", []string{"BST-E5201", "orders", "make a new plan"}, "backstitch"}, r)
	if got := s.count(t, "orders"); got != "0" {
		t.Errorf("records in the new topic: got %s, want 0", got)
	}
	s.lose(t)
}
