package reach_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kfake"
)

// archived is a topic whose archive somebody else wrote, and that then lost records.
func archived(t *testing.T, writer string, rng *rand.Rand, lost func(part int32, o int64) bool) *lab {
	t.Helper()
	parts := int32(replaytest.Partitions)
	if foreigntest.Whole(writer) {
		parts = 1
	}
	l := &lab{t: t, kafka: replaytest.NewKafkaWith(t, kfake.SeedTopics(parts, foreigntest.Topic)), dir: t.TempDir(), all: map[int32][]record.Record{}}
	l.config = open.Config{Cluster: "test", Env: env}
	l.clients = reach.New(l.config)
	const perPartition, hourMs = 240, 3_600_000
	for p := range parts {
		for i := range int64(perPartition) {
			r := record.Record{Offset: i, TimestampMs: 1_795_132_800_000 + i*1000 + rng.Int64N(2)*hourMs, Value: fmt.Appendf(nil, `{"p":%d,"n":%d}`, p, i)}
			r.Key = fmt.Appendf(nil, "k%d", rng.IntN(9))
			if rng.IntN(5) == 0 && i > 0 { // equal values are as real as others
				r.Value = slices.Clone(l.all[p][rng.IntN(int(i))].Value)
			}
			if foreigntest.Layout(writer) == "firehose" {
				r.Value = fmt.Appendf(nil, `{"n":%d}`, i) // where an equal one is a copy
			}
			for range rng.IntN(3) {
				r.Headers = append(r.Headers, record.Header{Key: fmt.Sprint("h", rng.IntN(2)), Value: []byte("v")})
			}
			l.all[p] = append(l.all[p], r)
		}
	}
	foreigntest.Write(t, l.dir, writer, l.all, 7+rng.IntN(40))
	for p, rs := range l.all {
		var kept []record.Record
		for _, r := range rs {
			if !lost(p, r.Offset) {
				kept = append(kept, r)
			}
		}
		l.kafka.Produce(foreigntest.Topic, p, kept...)
	}
	return l
}

// exactly compares the contents that a scan calls missing with those that were lost. Which of two equal records is called
// missing is a convention, so offsets are looked up and contents compared.
func (l *lab) exactly(rep *gap.Report, fields record.Fields, lost func(int32, int64) bool) {
	l.t.Helper()
	for p, rs := range l.all {
		var got, want record.Sum
		for i := range rs {
			hash := record.Hash(&rs[i], fields)
			if rep.Result(p).Missing.Contains(rs[i].Offset) {
				got.Add(hash)
			}
			if lost(p, rs[i].Offset) {
				want.Add(hash)
			}
		}
		if got != want {
			l.t.Errorf("partition %d: the records called missing at %v are not the lost ones", p, rep.Result(p).Missing)
		}
	}
}

func (l *lab) specOf(source string) *spec.Recovery { return l.specWith(source, "") }

// specWith is specOf with more lines behind the target.
func (l *lab) specWith(source, more string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+", "+source+
		"}}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders}}\n"+more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// whole are the writers that keep all of a record, unordered those whose positions are not the offsets of the topic.
var (
	whole     = []string{"aiven-array", "aiven-csv-offset", "aiven-envelope", "lenses-envelope", "lenses-partitionby", "oso", "oso-lz4", "oso-zstd"}
	unordered = []string{"confluent-hourly", "gazette"}
)

// The whole way for every writer: what is lost is found exactly, nothing else is, and after the repair nothing is.
func TestArchivesOfOthersFromLossToProof(t *testing.T) {
	for _, writer := range foreigntest.All() {
		t.Run(writer, func(t *testing.T) {
			rng := replaytest.Seed(t)
			at := rng.Int64N(200)
			scattered := map[int64]bool{}
			for range 20 {
				scattered[rng.Int64N(240)] = true
			}
			lost := func(_ int32, o int64) bool { return o >= at && o < at+25 || scattered[o] }
			l := archived(t, writer, rng, lost)
			source := "layout: auto"
			if writer == "aiven-csv-offset" {
				source = "layout: aiven, fields: [key, value, timestamp, offset, headers]"
			}
			container, contained := foreigntest.Containers[writer]
			if contained {
				source = container.Spec(writer)
			}
			r := l.specOf(source)
			p, rep, err := recovery.BuildWithScan(t.Context(), r, l.clients, l.options())
			if err != nil {
				t.Fatal(err)
			}
			var missing, want int64
			for n, rs := range l.all {
				missing += rep.Result(n).MissingRecords
				if e := rep.Result(n).Extra + rep.Result(n).Duplicates; e != 0 {
					t.Errorf("partition %d: %d records too many, want none", n, e)
				}
				for _, x := range rs {
					if lost(n, x.Offset) {
						want++
					}
				}
			}
			if missing != want {
				t.Errorf("got %d records missing, want %d", missing, want)
			}
			switch {
			case slices.Contains(whole, writer):
				l.exactly(rep, record.AllFields, lost)
			case writer == "confluent-beside":
				l.exactly(rep, record.FieldKey|record.FieldValue|record.FieldHeaders, lost)
			case container.Envelope:
				l.exactly(rep, record.FieldKey|record.FieldValue|record.FieldTimestamp, lost)
			case !slices.Contains(unordered, writer):
				l.exactly(rep, record.FieldValue, lost)
			}
			sub, err := p.Submission()
			if err != nil {
				t.Fatal(err)
			}
			version := map[bool]int{true: recovery.ContainerVersion, false: recovery.RecipeVersion}[container.As != ""]
			if writer == "confluent-beside" {
				version = recovery.RowsVersion
			}
			if p.Recipe.Version != version {
				t.Errorf("got a recipe of version %d, want %d", p.Recipe.Version, version)
			}
			cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 3)
			if err != nil {
				t.Fatal(err)
			}
			if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass {
				t.Errorf("got %s, want a pass: %+v", verdict, cs)
			}
			if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
				t.Errorf("after the repair: got %v, want nothing to write", err)
			}
			if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
				t.Errorf("the archive did not move: got %v", err)
			}
		})
	}
}
