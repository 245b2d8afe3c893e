package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// even is a reference that gives a record every ten milliseconds.
type even struct{ *replaytest.Memory }

func (s even) Open(ctx context.Context, slice partition.Slice, at partition.Offset) (source.Reader, error) {
	r, err := s.Memory.Open(ctx, slice, at)
	return steps{r}, err
}

type steps struct{ source.Reader }

func (s steps) Next(ctx context.Context) (*record.Batch, error) {
	time.Sleep(10 * time.Millisecond)
	return s.Reader.Next(ctx)
}

// noted is a target that notes when commits come.
type noted struct {
	slow
	at []time.Time
}

func (n *noted) Open(_ context.Context, slice partition.Slice, _ partition.Epoch) (sink.Writer, sink.Progress, error) {
	return n, sink.Begin(slice), nil
}

func (n *noted) Commit(context.Context, sink.Progress) error {
	n.at = append(n.at, time.Now())
	return nil
}

// TestLanesDoNotCommitTogether although they begin together, and each goes on to commit once in CommitEvery.
func TestLanesDoNotCommitTogether(t *testing.T) {
	const lanes, seconds = 12, 20
	rs := make([]record.Record, seconds*100)
	for i := range rs {
		rs[i] = record.Record{Offset: partition.Offset(i), Value: []byte("x")}
	}
	tenths := map[int64]int{} // of a second, by how many commits there were in it
	for lane := range int32(lanes) {
		synctest.Test(t, func(t *testing.T) { // each begins at the same time of its own
			target := &noted{}
			e, err := engine.New(engine.Task{Slice: replaytest.FillSlice(job, uint32(lane), 0, rs), Epoch: 1},
				engine.Ends{Source: even{&replaytest.Memory{Records: map[int32][]record.Record{0: rs}, Batch: 1}}, Sink: target, Now: time.Now}, engine.DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(target.at); n < seconds-1 || n > seconds+2 {
				t.Errorf("lane %d: %d commits in %d seconds", lane, n, seconds)
			}
			first := target.at[0].Sub(began)
			if first > time.Second+10*time.Millisecond {
				t.Errorf("lane %d: its first commit came after %s", lane, first)
			}
			for i, at := range target.at[:seconds-1] {
				if i > 0 {
					if d := at.Sub(target.at[i-1]); d < time.Second || d > time.Second+20*time.Millisecond {
						t.Errorf("lane %d: %s between two commits", lane, d)
					}
				}
				tenths[int64(at.Sub(began)/(100*time.Millisecond))]++
			}
		})
	}
	for tenth, n := range tenths {
		if n > lanes/2 {
			t.Errorf("%d of %d lanes commit within the tenth of a second %d", n, lanes, tenth)
		}
	}
}
