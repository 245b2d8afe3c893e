package reach_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/report"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kadm"
)

// proved is what verify, the proof and the report make of the topic as it is now.
func (l *lab) proved(rs []verify.Result, recipe recovery.Recipe) (*report.Report, string) {
	l.t.Helper()
	cs := verify.Comparisons(rs)
	p := fsm.Proof{ID: "r-test", Job: "bs-test", Comparisons: cs, By: "cli:test"}
	p.Verdict, p.Evidence = fsm.Judge(cs, fsm.Writers{})
	about := report.Of(recipe)
	about.Windows = map[int32][]fsm.Window{}
	for _, r := range rs {
		about.Windows[r.Partition] = r.Windows
	}
	f, err := report.New(p, about).Seal(nil, "this is a test")
	if err != nil {
		l.t.Fatal(err)
	}
	if f, err = report.Decode("report", f.JSON()); err != nil {
		l.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.WriteText(&b); err != nil {
		l.t.Fatal(err)
	}
	return f.Report, b.String()
}

// replace makes the topic again with what a partition holds altered.
func (l *lab) replace(part int32, rs []record.Record) {
	l.t.Helper()
	all := map[int32][]record.Record{}
	for p := range l.all {
		all[p] = l.kafka.Committed("orders", p)
	}
	all[part] = rs
	adm := kadm.NewClient(l.kafka.Client())
	if _, err := adm.DeleteTopic(l.t.Context(), "orders"); err != nil {
		l.t.Fatal(err)
	}
	if _, err := adm.CreateTopic(l.t.Context(), int32(len(all)), 1, nil, "orders"); err != nil {
		l.t.Fatal(err)
	}
	for p, rs := range all {
		l.kafka.Produce("orders", p, rs...)
	}
}

// Against a broker: one byte, one header, one record too many, two that changed places, one timestamp. Each fails the proof, or falls
// short of the one before, and the text of the report names the record.
func TestATamperedTopicFailsTheProofByName(t *testing.T) {
	l := newLab(t)
	l.recreate(func(p int32, o int64) bool { return p != 1 || o < 100 || o >= 180 })
	p, err := recovery.Build(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	l.run(sub)
	// A topic that was made again has another id, which would be refused before anything is compared. Somebody who can change a broker's
	// files leaves the id alone.
	recipe := p.Recipe
	recipe.Target.TopicID = ""
	raw, err := json.Marshal(recipe)
	if err != nil {
		t.Fatal(err)
	}
	v := verify.New(verify.DefaultConfig())
	look := func() []verify.Result {
		t.Helper()
		ends, err := open.New(l.config).Open(t.Context(), sub.ID, raw)
		if err != nil {
			t.Fatal(err)
		}
		defer ends.Close()
		rs, err := v.Job(t.Context(), sub.Slices, nil, ends, 2)
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	good, text := l.proved(look(), p.Recipe)
	if good.Verdict != "pass" || good.Evidence != "E3" {
		t.Fatalf("before: got\n%s", text)
	}
	clean := l.kafka.Committed("orders", 1)
	const survivors = 220
	// Offsets are those of the topic that is made again, which has no markers of transactions.
	at := func(rs []record.Record, from int, want func(r *record.Record) bool) int {
		i := slices.IndexFunc(rs[from:], func(r record.Record) bool { return want == nil || want(&r) })
		if i < 0 {
			t.Fatal("no such record")
		}
		return from + i
	}
	own := func(h record.Header) bool { return strings.HasPrefix(h.Key, record.OwnHeaderPrefix) }
	headed := func(r *record.Record) bool {
		return slices.ContainsFunc(r.Headers, func(h record.Header) bool { return !own(h) })
	}
	for name, c := range map[string]struct {
		tamper func(rs []record.Record) ([]record.Record, int) // returns the offset to be named
		what   string
		level  string // of a pass that falls short of the one before, "" for a fail
	}{
		"one byte of a survivor": {func(rs []record.Record) ([]record.Record, int) {
			i := at(rs, 7, func(r *record.Record) bool { return len(r.Value) > 0 })
			rs[i].Value = slices.Clone(rs[i].Value)
			rs[i].Value[0] ^= 1
			return rs, i
		}, "value differs from reference offset", ""},
		"one byte of a refilled record": {func(rs []record.Record) ([]record.Record, int) {
			i := at(rs, survivors+7, func(r *record.Record) bool { return len(r.Key) > 0 })
			rs[i].Key = slices.Clone(rs[i].Key)
			rs[i].Key[0] ^= 1
			return rs, i
		}, "key differs from reference offset", ""},
		"one header of a survivor": {func(rs []record.Record) ([]record.Record, int) {
			i := at(rs, 30, headed)
			rs[i].Headers = rs[i].Headers[1:]
			return rs, i
		}, "headers differs from reference offset", ""},
		"one header of a refilled record": {func(rs []record.Record) ([]record.Record, int) {
			i := at(rs, survivors, headed)
			k := slices.IndexFunc(rs[i].Headers, func(h record.Header) bool { return !own(h) })
			rs[i].Headers = slices.Delete(slices.Clone(rs[i].Headers), k, k+1)
			return rs, i
		}, "headers differs from reference offset", ""},
		"one duplicate": {func(rs []record.Record) ([]record.Record, int) {
			return append(rs, rs[survivors+3]), len(rs)
		}, "the job wrote this record twice", ""},
		"two refilled records changed places": {func(rs []record.Record) ([]record.Record, int) {
			rs[survivors+20], rs[survivors+21] = rs[survivors+21], rs[survivors+20]
			return rs, survivors + 20
		}, "stands where reference offset 120 should", ""},
		"two survivors changed places": {func(rs []record.Record) ([]record.Record, int) {
			rs[50], rs[51] = rs[51], rs[50]
			return rs, 50
		}, "order of the records from before the job: it is not that of the reference, first at", "E2"},
		"one timestamp of a survivor": {func(rs []record.Record) ([]record.Record, int) {
			rs[60].TimestampMs++
			return rs, 60
		}, "timestamp differs from reference offset 60", ""},
		"one timestamp of a refilled record": {func(rs []record.Record) ([]record.Record, int) {
			rs[survivors+9].TimestampMs--
			return rs, survivors + 9
		}, "timestamp differs from reference offset 109", ""},
	} {
		rs, offset := c.tamper(slices.Clone(clean))
		l.replace(1, rs)
		results := look()
		bad, text := l.proved(results, p.Recipe)
		want, level := "fail", bad.Evidence
		if c.level != "" {
			want, level = "pass", c.level
		}
		if bad.Verdict != want || bad.Evidence != level || !strings.Contains(text, fmt.Sprintf("orders/p01 offset %d", offset)) || !strings.Contains(text, c.what) {
			t.Errorf("%s: want %s, offset %d and %q, got\n%s", name, want, offset, c.what, text)
		}
		if c.level == "" && !strings.Contains(text, "(window ") && c.what != "the job wrote this record twice" {
			t.Errorf("%s: no window is named:\n%s", name, text)
		}
		// Whoever has the report of before and the data finds out, also where the order of survivors alone is another one.
		windows := map[int32][]fsm.Window{}
		for _, r := range results {
			windows[r.Partition] = r.Windows
		}
		if d := good.Differences(verify.Comparisons(results), windows); len(d) == 0 || d[0].Partition != 1 {
			t.Errorf("%s: the report of before still fits: %v", name, d)
		}
	}
	// As it was: the proof passes again, so nothing above hung on the topic being another one.
	l.replace(1, clean)
	if _, text := l.proved(look(), p.Recipe); !strings.HasPrefix(text, "VERIFIED") {
		t.Errorf("as it was: got\n%s", text)
	}
}
