package reach_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/spec"

	"github.com/twmb/franz-go/pkg/sr"
)

// mirror is a topic of one cluster and its copy in another, beside which a registry of its own numbers the same schemas differently.
type mirror struct {
	t        *testing.T
	from, to *replaytest.Kafka
	one, two *schematest.Registry
}

// lostOffset is the record of partition 0 that the copy lacks, and changedOffset the one in which something else is.
const (
	lostOffset    = 7
	changedOffset = 11
)

func newMirror(t *testing.T) *mirror {
	m := &mirror{t: t, from: replaytest.NewKafka(t, "orders"), to: replaytest.NewKafka(t, "orders.copy"), one: schematest.New(t), two: schematest.New(t)}
	for i, text := range []string{`"string"`, `"bytes"`} {
		m.one.Put(i+1, sr.Schema{Schema: text})
		m.two.Put(i+51, sr.Schema{Schema: text})
	}
	for p := range int32(replaytest.Partitions) {
		var a, b []record.Record
		for i := range int64(20) {
			rec := record.Record{Offset: i, TimestampMs: 1_795_132_800_000 + i, Key: fmt.Appendf(nil, "%d", i)}
			rec.Value = append([]byte{0, 0, 0, 0, byte(1 + i%2)}, fmt.Sprintf("order %d/%d", p, i)...)
			a = append(a, rec)
			if p == 0 && i == lostOffset {
				continue
			}
			rec.Value = slices.Clone(rec.Value)
			rec.Value[4] += 50
			if p == 0 && i == changedOffset {
				rec.Value[len(rec.Value)-1] ^= 1
			}
			b = append(b, rec)
		}
		m.from.Produce("orders", p, a...)
		m.to.Produce("orders.copy", p, b...)
	}
	return m
}

func (m *mirror) spec(registries bool) *spec.Recovery {
	m.t.Helper()
	one, two := "", ""
	if registries {
		one, two = ", registry: \""+m.one.URL+"\"", ", registry: \""+m.two.URL+"\""
	}
	text := fmt.Sprintf("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: mirror}\nspec:\n  source: {kafka: {brokers: %q, topic: orders%s}}\n"+
		"  target: {kafka: {brokers: %q, topic: orders.copy%s}}\n", strings.Join(m.from.ListenAddrs(), ","), one, strings.Join(m.to.ListenAddrs(), ","), two)
	r, err := spec.Parse("mirror.yaml", []byte(text), spec.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m *mirror) scan(registries bool) (*gap.Report, error) {
	m.t.Helper()
	return recovery.Scan(m.t.Context(), m.spec(registries), reach.New(open.Config{Cluster: "test", Env: env}), recovery.DefaultOptions())
}

func TestTopicsOfTwoClustersAreComparedBySchema(t *testing.T) {
	m := newMirror(t)
	rep, err := m.scan(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		want := int64(20)
		if r.Partition == 0 {
			want = 18
		}
		if !r.Comparable || r.Actual.Records != want {
			t.Errorf("partition %d: got %d records that match, want %d", r.Partition, r.Actual.Records, want)
		}
	}
	lost, _ := rep.Lost()
	missing := rep.Result(0).Missing
	if lost != 2 || !missing.Contains(lostOffset) || !missing.Contains(changedOffset) {
		t.Errorf("missing: got %d records, %v; want %d and %d of partition 0", lost, missing, lostOffset, changedOffset)
	}
	if notes := strings.Join(rep.Facts.Notes, "\n"); !strings.Contains(notes, "compared by schema and not by its number: 2 schemas of "+m.one.URL) {
		t.Errorf("notes: got %q, want them to say what was compared", notes)
	}
}

func TestWithoutRegistriesNumbersAreBytes(t *testing.T) {
	m := newMirror(t)
	_, err := m.scan(false)
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeUnrelated {
		t.Fatalf("got %v, want %s: with other numbers no record is equal", err, recovery.CodeUnrelated)
	}
	// One record that is equal is enough for a report.
	m.to.Produce("orders.copy", 0, record.Record{TimestampMs: 1_795_132_800_000, Key: []byte("0"), Value: append([]byte{0, 0, 0, 0, 1}, "order 0/0"...)})
	rep, err := m.scan(false)
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(rep.NotChecked, "\n"); !strings.Contains(said, "numbers were compared as bytes") {
		t.Errorf("not checked: got %q, want it to say that numbers were compared as bytes", said)
	}
}

func TestARegistryThatDoesNotAnswerIsNoLoss(t *testing.T) {
	for name, hurt := range map[string]func(m *mirror){
		"source is down":        func(m *mirror) { m.one.SetDown(true) },
		"target is down":        func(m *mirror) { m.two.SetDown(true) },
		"target lacks a schema": func(m *mirror) { m.two = without51(m.t) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			hurt(m)
			rep, err := m.scan(true)
			if err != nil {
				t.Fatal(err)
			}
			if lost, _ := rep.Lost(); lost != 0 || rep.Unknown() != replaytest.Partitions {
				t.Errorf("got %d records lost and %d partitions that can not be compared, want 0 and all %d", lost, rep.Unknown(), replaytest.Partitions)
			}
			for _, f := range rep.Findings {
				if f.Kind != gap.NotComparable || !strings.Contains(f.Reason, "schema") {
					t.Errorf("finding: got %s: %s, want not comparable, because of schemas", f.Kind, f.Reason)
				}
			}
		})
	}
}

func without51(t *testing.T) *schematest.Registry {
	r := schematest.New(t)
	r.Put(52, sr.Schema{Schema: `"bytes"`})
	return r
}

func TestNothingIsPlannedWhereNumbersDiffer(t *testing.T) {
	m := newMirror(t)
	_, err := recovery.Build(t.Context(), m.spec(true), reach.New(open.Config{Cluster: "test", Env: env}), recovery.DefaultOptions())
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeNumbers {
		t.Errorf("got %v, want %s", err, recovery.CodeNumbers)
	}
}
