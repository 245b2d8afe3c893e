package group_test

import (
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Scenario S22: partitions were added, as shards are by a reshard, and no reader has taken them. Lag is 0 everywhere that lag is
// known, and what they hold is read by nobody.
func TestS22PartitionsWithoutAReader(t *testing.T) {
	w := newWorld(t)
	w.write(0, 60)
	w.Members(at(0), 1)
	w.stands(60, w.follows(1, 60, 0)+10)
	if rep := w.look(60); len(rep.Findings) != 0 || len(rep.Places) != 1 {
		t.Fatalf("before: got %+v, want nothing", rep.Findings)
	}
	if _, err := kadm.NewClient(w.Client()).CreatePartitions(t.Context(), 5, topic); err != nil {
		t.Fatal(err)
	}
	for _, part := range []int32{1, 2, 4} { // nothing was sent to the others yet
		var rs []record.Record
		for i := range 10 {
			rs = append(rs, record.Record{Value: []byte{byte(part), byte(i)}, TimestampMs: at(61).Add(time.Duration(i) * time.Second).UnixMilli()})
		}
		w.Produce(topic, part, rs...)
	}
	found := func(rep *group.Report) (parts []int32) {
		for _, f := range rep.Findings {
			if f.Kind != gap.AtRisk || f.Count != 10 || f.HeldBy != "topic orders" || f.UntilMs != at(61).Add(retention).UnixMilli() || f.Evidence != "E1" {
				t.Errorf("got %+v, want ten records that the topic keeps for an hour", f)
			}
			parts = append(parts, f.Partition)
		}
		return parts
	}
	rep := w.look(62)
	same(t, "partitions without a reader", found(rep), []int32{1, 2, 4})
	var text strings.Builder
	if err := rep.WriteText(&text, group.RenderOptions{}); err != nil || !strings.Contains(text.String(), "orders/p04       has no position, the log is [0, 10)") {
		t.Errorf("got %v\n%s", err, text.String())
	}
	// Somebody takes one of them, and it is nobody's worry any more.
	offs := kadm.Offsets{}
	offs.AddOffset(topic, 1, 10, -1)
	if err := kadm.NewClient(w.Client()).CommitAllOffsets(t.Context(), w.Group, offs); err != nil {
		t.Fatal(err)
	}
	same(t, "after one was taken", found(w.look(62)), []int32{2, 4})
}

// Scenario S23: a topic was copied into another cluster, where its records have other offsets, and the map between the two was lost.
// The positions of the old cluster were set in the new one as they were, while nobody was there.
func TestS23TheOffsetMapIsLost(t *testing.T) {
	t.Run("it was ahead of the copy", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50) // 500 records; in the old cluster these were at [5000,5500)
		w.stands(50, 5300)
		judge(t, w.look(50), truth{atRisk: []span{{0, 500}}})
	})
	t.Run("it lies in the copy, behind what was read", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.Members(at(0), 1)
		off := w.follows(1, 11, 0) // 100
		w.Members(at(11), 0)
		w.Commit(at(20), topic, 0, 420) // of the other cluster
		w.Members(at(51), 1)
		w.stands(52, 500)
		rep := w.look(52)
		judge(t, rep, truth{missing: []span{{off, 420}}})
		same(t, "causes", causes(rep, gap.Missing), []string{"its position was set forward by hand"})
	})
	t.Run("it lies before what was read", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.Members(at(0), 1)
		w.follows(1, 31, 0) // 300
		w.Members(at(31), 0)
		w.stands(40, 70) // some are read twice, and none is lost
		judge(t, w.look(52), truth{})
	})
}
