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
	"backstitch/replay/source"
)

// drop is how long a trickle takes for a record.
const drop = 10 * time.Second

// trickle is a reference that gives a record every ten seconds.
type trickle struct{ *replaytest.Memory }

func (s trickle) Open(ctx context.Context, slice partition.Slice, at partition.Offset) (source.Reader, error) {
	r, err := s.Memory.Open(ctx, slice, at)
	return drops{r}, err
}

type drops struct{ source.Reader }

func (d drops) Next(ctx context.Context) (*record.Batch, error) {
	time.Sleep(drop)
	return d.Reader.Next(ctx)
}

// Scenario S28, cassandra-reaper#627: a repair that left thousands of tiny files. A reference that trickles for three hours, of which a topic
// gets each record in a commit of its own, leaves a few small files, each for twice the time of the one before, and then six an hour.
func TestS28AReferenceThatTricklesLeavesFewFiles(t *testing.T) {
	const hours = 3
	rs := make([]record.Record, hours*time.Hour/drop)
	for i := range rs {
		rs[i] = record.Record{Offset: partition.Offset(i), Value: []byte("x")}
	}
	for few, want := range map[bool][2]int{true: {6 * hours, 10 + 6*hours}, false: {len(rs), len(rs) + 1}} {
		synctest.Test(t, func(t *testing.T) {
			cfg := engine.DefaultConfig()
			cfg.FewCommits, cfg.CommitEvery = few, drop
			n := len(run(t, trickle{&replaytest.Memory{Records: map[int32][]record.Record{0: rs}, Batch: 1}}, rs, 1<<30, cfg))
			if n < want[0] || n > want[1] {
				t.Errorf("few commits %t: got %d commits in %d hours, want %d to %d", few, n, hours, want[0], want[1])
			}
		})
	}
}

// A store that is slow gets files of four MiB all the same, or of what a file may have at most.
func TestS28ASlowStoreGetsNoTinyFiles(t *testing.T) {
	for most, least := range map[int64]int64{64 << 20: 4 << 20, 1 << 20: 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			rs := big(512)
			cfg := engine.DefaultConfig()
			cfg.FewCommits, cfg.CommitBytes = true, most
			commits := run(t, &replaytest.Memory{Records: map[int32][]record.Record{0: rs}}, rs, 300<<10, cfg)
			for i, c := range commits[:len(commits)-1] { // the last one is what remains
				if c.bytes < least {
					t.Errorf("files of at most %d: commit %d has %d bytes, want %d at least", most, i, c.bytes, least)
				}
			}
			if len(commits) < 3 {
				t.Errorf("got %d commits: nothing was shown", len(commits))
			}
		})
	}
}
