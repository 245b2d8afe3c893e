package reach_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/archive"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"
)

// unnamed fails unless the scan says of partition 1 that it was compared with nothing, and of the others what they lost.
func (l *lab) unnamed(r *spec.Recovery) {
	l.t.Helper()
	rep, err := recovery.Scan(l.t.Context(), r, l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	for p := range int32(replaytest.Partitions) {
		res := rep.Result(p)
		switch {
		case res == nil:
			l.t.Errorf("partition %d: nothing is said of it", p)
		case p != 1 && (!res.Comparable || res.MissingRecords != 2 || res.Extra != 0):
			l.t.Errorf("partition %d: comparable %t, %d missing, %d extra, want the two that were lost", p, res.Comparable, res.MissingRecords, res.Extra)
		case p == 1 && (res.Comparable || res.MissingRecords != 0 || res.Extra != 0):
			l.t.Errorf("partition 1: comparable %t, %d missing, %d extra, want that nothing is said", res.Comparable, res.MissingRecords, res.Extra)
		}
	}
	if rep.Unknown() != 1 {
		l.t.Errorf("got %s, want one partition that is not comparable", kinds(rep))
	}
	for _, f := range rep.Findings {
		if f.Partition == 1 && (f.Kind != gap.NotComparable || !strings.HasPrefix(f.Reason, "no object of the archive names this partition")) {
			l.t.Errorf("partition 1: got %s: %s", f.Kind, f.Reason)
		}
	}
	l.same(r)
}

// A directory of an archive is gone, or never was: the topic's records of that partition are neither lost nor fine, from here and by a
// cluster.
func TestAnArchiveNamesNothingOfAPartition(t *testing.T) {
	t.Run("of others", func(t *testing.T) {
		l := archived(t, "confluent", replaytest.Seed(t), lossOf)
		if err := os.RemoveAll(filepath.Join(l.dir, "topics", "orders", "partition=1")); err != nil {
			t.Fatal(err)
		}
		l.unnamed(l.specOf("layout: auto"))
	})
	t.Run("ours", func(t *testing.T) {
		l := newLab(t)
		l.recreate(func(p int32, o int64) bool { return !lossOf(p, o) })
		if err := os.RemoveAll(filepath.Join(l.dir, archive.Prefix("orders", 1))); err != nil {
			t.Fatal(err)
		}
		l.unnamed(l.spec(""))
		l.unnamed(l.spec("  range: {from: \"2026-11-20T00:00:00Z\", to: \"2026-11-20T00:05:00Z\"}\n"))
	})
}

// Objects all of whose records are older than the range are not opened, and name their partition all the same.
func TestOlderObjectsNameTheirPartition(t *testing.T) {
	l := newLab(t)
	for i := range int64(20) {
		l.kafka.Produce("orders", 0, record.Record{Value: fmt.Appendf(nil, "later %d", i), TimestampMs: 1_795_133_200_000 + i})
	}
	l.copyTo(nil, 0)
	rep, err := recovery.Scan(t.Context(), l.spec("  range: {from: \"2026-11-20T00:06:00Z\", to: \"2026-11-20T01:00:00Z\"}\n"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 1 || rep.Result(0).Actual.Records != 20 || len(rep.Findings) != 0 {
		t.Errorf("got %d partitions, findings %s; want the later records of partition 0 and no word of those whose archive ends before the range", len(rep.Results), kinds(rep))
	}
}
