package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/ledger"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
)

// lab is a broker with two copies of a topic, an archive of it, and one in the layout of another writer.
type lab struct {
	t       *testing.T
	rng     *rand.Rand
	kafka   *replaytest.Kafka
	clients *reach.Clients
	archive string
	others  string
	ledger  string
	ms      int64
}

func noEnv(string) (string, bool) { return "", false }

func newLab(t *testing.T, seed uint64) *lab {
	l := &lab{t: t, rng: rand.New(rand.NewPCG(seed, 0)), archive: t.TempDir(), others: t.TempDir(), ledger: t.TempDir(), ms: 1_795_132_800_000}
	l.kafka = replaytest.NewKafkaWith(t, kfake.SeedTopics(1, "orders", "copy"))
	l.clients = reach.New(open.Config{Cluster: "test", Env: noEnv})
	l.write(400, 10)
	return l
}

// write gives n records to both topics and both archives; one of so many is lost on the way into the copy.
func (l *lab) write(n, lose int) {
	l.t.Helper()
	var rs, kept []record.Record
	for range n {
		l.ms += l.rng.Int64N(1000)
		r := record.Record{TimestampMs: l.ms, Key: fmt.Appendf(nil, "k%d", l.rng.IntN(5)), Value: fmt.Appendf(nil, `{"n":%d}`, l.rng.IntN(1<<40))}
		if l.rng.IntN(9) == 0 {
			r.TimestampMs, r.Key, r.Value = 1_795_132_800_000, nil, []byte(`{"n":0}`)
		}
		rs = append(rs, r)
		if l.rng.IntN(lose) > 0 {
			kept = append(kept, r)
		}
	}
	l.kafka.Produce("orders", 0, rs...)
	l.kafka.Produce("copy", 0, kept...)
	l.copy()
}

// copy brings the archives up to the topic.
func (l *lab) copy() {
	l.t.Helper()
	b, err := connect.CreateBucket(l.t.Context(), l.archive, connect.S3{}, noEnv)
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = archive.Copy(l.t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"})
	if err != nil && !errors.Is(err, source.ErrRecreated) { // an archive of two topics is refused
		l.t.Fatal(err)
	}
	under := filepath.Join(l.others, "topics", "orders", "partition=0")
	if err := os.MkdirAll(under, 0o755); err != nil {
		l.t.Fatal(err)
	}
	all := l.kafka.Committed("orders", 0)
	for at := 0; at < len(all); at += 64 { // objects of 64 records, the last of which grows
		var text []byte
		for _, r := range all[at:min(at+64, len(all))] {
			text = append(append(text, r.Value...), '\n')
		}
		file := filepath.Join(under, fmt.Sprintf("orders+0+%010d.json", all[at].Offset))
		if was, err := os.ReadFile(file); err == nil && bytes.Equal(was, text) {
			continue
		}
		l.put(file, text)
	}
}

// put writes a file with a time of modification of its own, however coarse the clock of the file system is.
func (l *lab) put(file string, text []byte) {
	l.t.Helper()
	l.ms++
	if err := os.WriteFile(file, text, 0o644); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Time{}, time.UnixMilli(l.ms)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) spec(source, target string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {"+source+
		"}\n  target: {kafka: {brokers: \""+l.brokers()+"\", topic: "+target+"}}\n"), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) brokers() string { return strings.Join(l.kafka.ListenAddrs(), ",") }

// pairs are the comparisons that a ledger is for: our archive, another's, and two topics.
func (l *lab) pairs() map[string]*spec.Recovery {
	return map[string]*spec.Recovery{
		"archive": l.spec("dir: {path: "+l.archive+", layout: archive, topic: orders}", "copy"), "others": l.spec("dir: {path: "+l.others+", layout: confluent, topic: orders, format: json}", "copy"),
		"topic": l.spec("kafka: {brokers: \""+l.brokers()+"\", topic: orders}", "copy"),
	}
}

// plan builds a plan; its text has every position, count and id, and no ledger.
func (l *lab) plan(r *spec.Recovery, o recovery.Options) (*gap.Report, string) {
	l.t.Helper()
	p, rep, err := recovery.BuildWithScan(l.t.Context(), r, l.clients, o)
	if err != nil {
		return &gap.Report{}, err.Error() // a comparison that is refused is refused in the same words
	}
	text, err := p.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	return rep, string(text)
}

func (l *lab) options() recovery.Options {
	o := recovery.DefaultOptions()
	o.Now = func() time.Time { return time.UnixMilli(1_795_132_800_000) }
	return o
}

// same plans in both ways.
func (l *lab) same(what string) (compared int, vouched int64) {
	l.t.Helper()
	for name, r := range l.pairs() {
		rep, want := l.plan(r, l.options())
		o := l.options()
		o.Compare = ledger.New(l.ledger).Scan
		kept, got := l.plan(r, o)
		if use := kept.Ledger; use != nil {
			compared++
			vouched += use.VouchedRecords
			l.t.Logf("%s, %s: %+v", what, name, *use)
		}
		kept.Ledger = nil
		a, _ := json.MarshalIndent(rep, "", " ")
		b, _ := json.MarshalIndent(kept, "", " ")
		if want != got || string(a) != string(b) {
			l.t.Fatalf("%s, %s: the plan with a ledger differs (-without +with):\n%s", what, name, gocmp.Diff(string(a)+want, string(b)+got))
		}
	}
	return compared, vouched
}

// The same with brokers and files: a plan that was made with a ledger is the one that is made without, byte for byte.
func TestPlansWithALedgerAreTheSame(t *testing.T) {
	first := *firstSeed
	if first == 0 {
		first = rand.Uint64() >> 16
	}
	t.Logf("seeds from %d (-ledger.first=%d)", first, first)
	for seed := first; seed < first+max(1, *seeds/40); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLab(t, seed)
			l.same("first")
			if compared, vouched := l.same("again"); compared != 3 || vouched < 3*700 {
				t.Errorf("nothing changed: got %d records vouched for in %d comparisons", vouched, compared)
			}
			for _, i := range l.rng.Perm(len(labSteps)) {
				labSteps[i].do(l)
				l.same(labSteps[i].name)
			}
		})
	}
}

var labSteps = []struct {
	name string
	do   func(l *lab)
}{
	{"append", func(l *lab) { l.write(150, 8) }},
	{"append little", func(l *lab) { l.write(3, 2) }},
	{"retention", func(l *lab) { l.cut("copy", 0.3) }},
	{"retention of the reference", func(l *lab) { l.cut("orders", 0.2) }},
	{"duplicates", func(l *lab) {
		rs := l.kafka.Committed("copy", 0)
		l.kafka.Produce("copy", 0, rs[len(rs)/2:len(rs)/2+5]...)
	}},
	{"an election", func(l *lab) {
		for _, topic := range []string{"orders", "copy"} {
			if err := l.kafka.MoveTopicPartition(topic, 0, 0); err != nil {
				l.t.Fatal(err)
			}
		}
		l.write(40, 8)
	}},
	{"the copy is made again with swapped values", func(l *lab) { l.recreate("copy") }},
	{"the reference is made again", func(l *lab) { l.recreate("orders") }},
	{"an object is deleted", func(l *lab) {
		for _, pattern := range []string{filepath.Join(l.archive, "orders", "*", "*"), filepath.Join(l.others, "topics", "orders", "*", "*")} {
			if files, _ := filepath.Glob(pattern); len(files) > 2 {
				if err := os.Remove(files[1]); err != nil {
					l.t.Fatal(err)
				}
			}
		}
	}},
	{"values of an object are swapped", func(l *lab) {
		files, _ := filepath.Glob(filepath.Join(l.others, "topics", "orders", "*", "*"))
		file := files[l.rng.IntN(len(files))]
		text, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		lines = lines[:len(lines)-1]
		lines[0] = []byte(`{"n":"swapped"}` + "\n")
		l.put(file, bytes.Join(lines, nil))
	}},
	{"an object is damaged", func(l *lab) {
		files, _ := filepath.Glob(filepath.Join(l.archive, "orders", "*", "*"))
		file := files[l.rng.IntN(len(files))]
		raw, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		raw[len(raw)/3] ^= 1
		l.put(file, raw)
	}},
	{"a ledger is cut short", func(l *lab) {
		files, _ := filepath.Glob(filepath.Join(l.ledger, "*", "*.ledger"))
		for _, f := range files {
			if err := os.Truncate(f, 1000); err != nil {
				l.t.Fatal(err)
			}
		}
	}},
}

// cut deletes a part of a topic from its start.
func (l *lab) cut(topic string, part float64) {
	l.t.Helper()
	rs := l.kafka.Committed(topic, 0)
	if err := l.kafka.DeleteRecords(topic, 0, rs[int(part*float64(len(rs)))].Offset); err != nil {
		l.t.Fatal(err)
	}
}

// recreate makes a topic again, with as many records and two values swapped.
func (l *lab) recreate(topic string) {
	l.t.Helper()
	rs := slices.Clone(l.kafka.Committed(topic, 0))
	adm := kadm.NewClient(l.kafka.Client())
	if _, err := adm.DeleteTopics(l.t.Context(), topic); err != nil {
		l.t.Fatal(err)
	}
	if _, err := adm.CreateTopics(l.t.Context(), 1, 1, nil, topic); err != nil {
		l.t.Fatal(err)
	}
	n := len(rs)
	rs[n/3].Value, rs[n/4].Value = rs[n/4].Value, rs[n/3].Value
	l.kafka.Produce(topic, 0, rs...)
}
