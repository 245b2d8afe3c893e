package reach_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
	"backstitch/storage/spill"

	"github.com/twmb/franz-go/pkg/kadm"
)

// applied is the table that a reader makes of a topic: of each row, the last event.
func applied(t *testing.T, rs []record.Record) map[string]string {
	t.Helper()
	table := map[string]string{}
	for _, r := range rs {
		table[string(r.Key)] = string(r.Value)
	}
	return table
}

// tables are a topic that has every change event of some rows, and one that lacks some: of these, older ones than what it has of the same
// rows, and newer ones.
func tables(t *testing.T) (l *lab, behind []partition.Offset, ahead int) {
	l = &lab{t: t, kafka: replaytest.NewKafka(t, "full"), dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	var all, kept []record.Record
	add := func(key, op string, lsn int, lost, superseded bool) {
		r := record.Record{Key: []byte(key), TimestampMs: 1_795_132_800_000 + int64(len(all)),
			Value: fmt.Appendf(nil, `{"op":%q,"after":{"v":%d},"source":{"connector":"postgresql","name":"shop","schema":"public","table":"orders","lsn":%d,"snapshot":"incremental"}}`, op, lsn, lsn)}
		switch {
		case !lost:
			kept = append(kept, r)
		case superseded:
			behind = append(behind, int64(len(all)))
		default:
			ahead++
		}
		all = append(all, r)
	}
	for i := range 30 {
		add(fmt.Sprint(i), "r", 100, i%3 == 0, i%3 == 0 && i%2 == 0)
	}
	for i := range 30 {
		if i%2 == 0 { // every second row changed after it was read, and some of these changes are lost, too
			add(fmt.Sprint(i), "u", 200+i, false, false)
		}
	}
	for i := range 6 {
		add(fmt.Sprint(2*i), "d", 300+i, i < 3, false)
	}
	l.kafka.Produce("full", 0, all...)
	l.kafka.Produce("orders", 0, kept...)
	return l, behind, ahead
}

func (l *lab) behindSpec(write string) *spec.Recovery {
	l.t.Helper()
	brokers := strings.Join(l.kafka.ListenAddrs(), ",")
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: full}}\n  target: {kafka: {brokers: %q, topic: orders}}\n%s", brokers, brokers, write), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// A row that a snapshot had read, put back behind a change of that row, sets the row back. The plan says so, or sets it aside; then each
// row ends as it did where nothing was lost, and the proof passes.
func TestOldChangeEventsBehindNewerOnes(t *testing.T) {
	l, behind, ahead := tables(t)
	note := func(p *recovery.Plan, code string) string {
		for _, n := range p.Notes {
			if n.Code == code {
				return n.Text
			}
		}
		return ""
	}
	p, err := recovery.Build(t.Context(), l.behindSpec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if text := note(p, recovery.NoteSuperseded); !strings.Contains(text, fmt.Sprintf("%d change events are older", len(behind))) || !strings.Contains(text, "full/p00") && !strings.Contains(text, "orders/p00") {
		t.Errorf("note: %q, want %d events", text, len(behind))
	}
	if p.Totals.Records != int64(len(behind)+ahead) || len(p.Recipe.Aside) != 0 || len(behind) != 5 || ahead != 8 {
		t.Errorf("%d to write, %d set aside, want %d and none", p.Totals.Records, len(p.Recipe.Aside), len(behind)+ahead)
	}
	p, err = recovery.Build(t.Context(), l.behindSpec("  write: {superseded: quarantine}\n"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	var aside []partition.Offset
	for _, a := range p.Recipe.Aside {
		if a.Code != source.CodeSuperseded {
			t.Errorf("set aside with %s", a.Code)
		}
		aside = append(aside, a.Offset)
	}
	if !slices.Equal(aside, behind) || p.Totals.Records != int64(ahead) || note(p, recovery.NoteSetBehind) == "" || note(p, recovery.NoteSuperseded) != "" {
		t.Errorf("set aside %v and %d to write, want %v and %d: %+v", aside, p.Totals.Records, behind, ahead, p.Notes)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	ends := l.run(sub)
	cs, err := verify.New(verify.Config{Spill: spill.Options{MemoryBytes: 8 << 10}}).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, e := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass || e < fsm.E2 {
		t.Errorf("proof: %s at %s: %s", v, e, cs[0].Detail)
	}
	want, got := applied(t, l.kafka.Committed("full", 0)), applied(t, l.kafka.Committed("orders", 0))
	for row, value := range want {
		if got[row] != value {
			t.Errorf("row %s: got %s, want %s", row, got[row], value)
		}
	}
	if again, err := recovery.Build(t.Context(), l.behindSpec("  write: {superseded: quarantine}\n"), l.clients, l.options()); err != nil || !again.Empty() {
		t.Errorf("planned again: %v, want nothing to write", err)
	}
}
