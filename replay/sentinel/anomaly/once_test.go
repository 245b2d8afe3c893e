package anomaly

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/partition"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sentinel/baseline"
)

// hours counts n records, or as many as edit says, in each of an input's new hours. A sender has each third of them.
func hours(t *testing.T, in *Input, n func(back int64) int, edit func(back int64, i int, r *record.Record)) *Report {
	t.Helper()
	c := newCounts(*in)
	if in.State != nil {
		c.first = in.State.Last + 1
	}
	c.null, c.late = c.row(), c.row()
	if err := c.know(in); err != nil {
		t.Fatal(err)
	}
	for h := c.first; h < c.end; h++ {
		back := (now.UnixMilli()/hourMs - 1) - h
		for i := range n(back) {
			r := record.Record{TimestampMs: h*hourMs + int64(i)*60_000, Key: fmt.Appendf(nil, "host-%d", i%3), Value: []byte("v")}
			if edit != nil {
				edit(back, i, &r)
			}
			c.add(in, 0, &r)
		}
	}
	return judge(t, in, c, 0)
}

func onceInput(t *testing.T) Input {
	t.Helper()
	in := input()
	p, err := sequence.ParsePath("key")
	if err != nil {
		t.Fatal(err)
	}
	in.Once, in.Source, in.Sources, in.Partitions = true, &p, 8, 4
	return in
}

// byTheHour looks each hour for the last n, as a cluster does, and returns all reports.
func byTheHour(t *testing.T, in Input, n int64, count func(back int64) int, edit func(back int64, i int, r *record.Record)) (out []*Report) {
	t.Helper()
	end := in.NowMs
	for ago := n; ago >= 0; ago-- {
		in.NowMs = end - ago*hourMs
		rep := hours(t, &in, count, edit)
		state, err := ParsePacked(rep.State.Pack())
		if err != nil {
			t.Fatal(err)
		}
		in.State = state
		out = append(out, rep)
	}
	return out
}

func half(back int64) int {
	if back < 6 {
		return 20
	}
	return 60
}

// TestHoursAreLearnedOnceAndLikeAllTogether: looks at one hour after the other, each from the packed state of the one before, learn and say what one look at
// all of them does.
func TestHoursAreLearnedOnceAndLikeAllTogether(t *testing.T) {
	in := onceInput(t)
	all := byTheHour(t, in, 30, half, nil)
	in.Hours += 30
	whole := hours(t, &in, half, nil)
	last := all[len(all)-1]
	if !bytes.Equal(whole.State.Series["records"], last.State.Series["records"]) || !bytes.Equal(whole.State.Sources, last.State.Sources) || whole.State.Last != last.State.Last {
		t.Error("looks by the hour have learned something else than one at all hours")
	}
	if len(whole.Unusual) != 1 || len(last.Unusual) != 1 {
		t.Fatalf("got %v and %v, want one finding each", about(whole), about(last))
	}
	a, b := whole.Unusual[0], last.Unusual[0]
	if a.SinceHour != b.SinceHour || a.More || b.More || a.Count != b.Count || b.New < 35 || b.New > 45 || a.Count < 200 {
		t.Errorf("all at once: since %d, %d records; by the hour: since %d, %d records, %d of them new", a.SinceHour, a.Count, b.SinceHour, b.Count, b.New)
	}
	if b.Worst == nil || b.Worst.Count != 20 || !strings.HasSuffix(b.Season, "UTC") || !strings.Contains(b.Reason, b.Season) {
		t.Errorf("evidence: %+v", b)
	}
	if last.FromMs != last.ToMs-hourMs {
		t.Errorf("the last look counts %d hours, want one", (last.ToMs-last.FromMs)/hourMs)
	}
}

// TestWhatARecoveryWroteIsCountedNowhere: it neither alarms nor hides that producers send less.
func TestWhatARecoveryWroteIsCountedNowhere(t *testing.T) {
	in := onceInput(t)
	mark := func(r *record.Record) {
		r.Headers = append(r.Headers, record.Header{Key: "backstitch.job", Value: []byte("bs-a")})
	}
	// A third is lost, and a recovery puts it back into the same hours.
	hidden := hours(t, &in, func(int64) int { return 60 }, func(back int64, i int, r *record.Record) {
		if back < 6 && i >= 20 {
			mark(r)
		}
	})
	if diff := cmp.Diff(about(hidden), []string{"records"}); diff != "" {
		t.Errorf("what a recovery wrote hides a loss (-got +want):\n%s", diff)
	}
	// A recovery of last week's records, three times as many as come, late and from one host, is nothing that producers did.
	raised := hours(t, &in, func(back int64) int {
		if back < 6 {
			return 240
		}
		return 60
	}, func(back int64, i int, r *record.Record) {
		if back < 6 && i >= 60 {
			r.Key, r.Value = []byte("host-9"), nil
			r.TimestampMs -= 10 * 60_000
			mark(r)
		}
	})
	if len(raised.Findings) != 0 || raised.Sources != 3 {
		t.Errorf("what a recovery wrote is unusual: %v, %d sources", about(raised), raised.Sources)
	}
	if !strings.Contains(strings.Join(raised.NotChecked, "\n"), "1,080 records that a recovery has written") {
		t.Errorf("not said: %q", raised.NotChecked)
	}
}

// TestAQuietTopicIsNoAlarm: nothing for days, a few records, nothing again.
func TestAQuietTopicIsNoAlarm(t *testing.T) {
	in := onceInput(t)
	for i, rep := range byTheHour(t, in, 48, func(back int64) int {
		if back%31 == 3 {
			return 2
		}
		return 0
	}, nil) {
		if len(rep.Findings) != 0 {
			t.Fatalf("look %d: %v", i, about(rep))
		}
	}
}

// TestNewSendersDoNotCrowdOutKnownOnes: a rollout with more hosts than are kept makes none of the old ones silent that still send.
func TestNewSendersDoNotCrowdOutKnownOnes(t *testing.T) {
	in := onceInput(t)
	in.Sources = 3
	all := byTheHour(t, in, 30, func(int64) int { return 60 }, func(back int64, i int, r *record.Record) {
		if back < 20 && i < 30 {
			r.Key = fmt.Appendf(nil, "a-new-host-%d", i)
		}
	})
	last := all[len(all)-1]
	if len(last.Findings) != 0 || last.Sources != 3 {
		t.Errorf("got %v of %d sources", about(last), last.Sources)
	}
}

// TestAStateHasItsBound: with as many partitions and senders as it may have, whose names are as long as can be, all of them in their first two weeks.
func TestAStateHasItsBound(t *testing.T) {
	for _, most := range []int{128 << 10, 512 << 10, 1 << 20} {
		b, err := BoundsOf(most, 2, true)
		if err != nil {
			t.Fatal(err)
		}
		s := &State{Format: stateFormat, Topic: strings.Repeat("t", 249), ID: strings.Repeat("i", 32), Source: strings.Repeat("s", MaxPathBytes), Zone: strings.Repeat("z", 64), Next: map[int32]int64{},
			Series: map[string][]byte{}, Trails: map[string][]Off{}}
		for n := range int32(b.Partitions) {
			s.Next[n] = 1 << 60
		}
		for n := range b.Partitions + 5 {
			x := baseline.New(baseline.Counts)
			for h := range int64(baseline.WarmHours - 1) {
				if _, err := x.Observe(baseline.Observation{Hour: 1 + h, Count: 1e9}); err != nil {
					t.Fatal(err)
				}
			}
			name := fmt.Sprintf("%s%03d", strings.Repeat("n", MaxPathBytes+10), n)
			if s.Series[name], err = x.MarshalBinary(); err != nil {
				t.Fatal(err)
			}
			s.Trails[name] = make([]Off, trailHours)
		}
		senders := baseline.NewSources()
		counts := map[string]int64{}
		for n := range b.Sources {
			counts[fmt.Sprintf("%s%04d", strings.Repeat("s", baseline.MaxNameBytes-4), n)] = 1
		}
		if _, err := senders.Observe(1, counts); err != nil {
			t.Fatal(err)
		}
		if s.Sources, err = senders.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
		packed := s.Pack()
		if len(packed) > most || len(packed) < most/2 {
			t.Errorf("%d partitions and %d senders take %d bytes, want at most %d and more than half of it", b.Partitions, b.Sources, len(packed), most)
		}
		again, err := ParsePacked(packed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Pack(), packed) || len(again.Series) != len(s.Series) || again.Source != s.Source || again.Zone != s.Zone {
			t.Error("a state that was packed and read is another one")
		}
		for _, n := range []int{0, 1, 5, len(packed) / 2, len(packed) - 1} {
			if _, err := ParsePacked(packed[:n]); !errors.Is(err, ErrState) {
				t.Errorf("%d of %d bytes: got %v", n, len(packed), err)
			}
		}
	}
	// docs/anomalies.md says these.
	for most, want := range map[int]Bounds{128 << 10: {5, 77}, 512 << 10: {27, 418}, 1 << 20: {55, 873}} {
		if b, err := BoundsOf(most, 0, true); err != nil || b != want {
			t.Errorf("%d bytes: got %+v, %v, want %+v", most, b, err, want)
		}
	}
	if _, err := BoundsOf(64<<10, 8, false); err == nil {
		t.Error("eight fields fit into 64 KiB")
	}
}

// TestAnIdlePartitionHidesNoHour: what is said to be gone was counted before, so the hours after it are whole.
func TestAnIdlePartitionHidesNoHour(t *testing.T) {
	s := &State{Next: map[int32]int64{0: 100, 1: 7}}
	topic := func(starts ...int64) *klog.Topic {
		out := &klog.Topic{Partitions: map[int32]klog.Watermark{}}
		for n, at := range starts {
			out.Partitions[int32(n)] = klog.Watermark{LogStart: partition.Offset(at)}
		}
		return out
	}
	if !s.complete(topic(100, 7)) || !s.complete(topic(3, 0, 0)) {
		t.Error("nothing that was not counted is gone, and the topic is not complete")
	}
	if s.complete(topic(101, 7)) || s.complete(topic(100, 7, 1)) || (&State{}).complete(topic(0)) {
		t.Error("records that were not counted are gone, and the topic is complete")
	}
}
