package engine_test

import (
	"context"
	"io"
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

// slow is a target that takes so many bytes per second, and takes as much as it is given into flight.
type slow struct {
	rate    int64
	flight  int64
	commits []commit
}

type commit struct {
	bytes int64
	took  time.Duration
}

func (s *slow) Open(_ context.Context, slice partition.Slice, _ partition.Epoch) (sink.Writer, sink.Progress, error) {
	return s, sink.Begin(slice), nil
}

func (s *slow) Write(_ context.Context, b *record.Batch) error {
	s.flight += b.Bytes
	b.Release()
	return nil
}

func (s *slow) Commit(context.Context, sink.Progress) error {
	took := time.Duration(s.flight) * time.Second / time.Duration(s.rate)
	s.commits = append(s.commits, commit{s.flight, took})
	s.flight = 0
	time.Sleep(took)
	return nil
}

func (s *slow) Recent(context.Context, int64) (sink.Reader, error) { return s, nil }
func (s *slow) Next(context.Context) (*record.Batch, error)        { return nil, io.EOF }
func (s *slow) Position() int64                                    { return 0 }
func (s *slow) Close() error                                       { return nil }

// big makes count records of 64 KiB.
func big(count int) []record.Record {
	rs := make([]record.Record, count)
	value := make([]byte, 64<<10)
	for i := range rs {
		rs[i] = record.Record{Offset: partition.Offset(i), Value: value}
	}
	return rs
}

func runSlow(t *testing.T, rate int64, count int) []commit {
	t.Helper()
	rs := big(count)
	return run(t, &replaytest.Memory{Records: map[int32][]record.Record{0: rs}}, rs, rate, engine.DefaultConfig())
}

// run copies rs from source to a target that takes so many bytes per second.
func run(t *testing.T, from source.Source, rs []record.Record, rate int64, cfg engine.Config) []commit {
	t.Helper()
	target := &slow{rate: rate}
	e, err := engine.New(engine.Task{Slice: replaytest.FillSlice(job, 0, 0, rs), Epoch: 1}, engine.Ends{Source: from, Sink: target, Now: time.Now}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return target.commits
}

// Commits to a slow target become as small as it needs to take them in about the commit interval, and none takes so long that
// a broker would give its transaction up.
func TestCommitsToASlowTargetAreSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := runSlow(t, 300<<10, 512)
		for i, c := range commits {
			limit := 2 * time.Second
			if i == 0 {
				limit = 30 * time.Second // nothing is known yet
			}
			if c.took > limit {
				t.Errorf("commit %d of %d bytes took %s, want at most %s", i, c.bytes, c.took, limit)
			}
		}
	})
}

// Commits to a fast target grow to the configured size after a few small ones.
func TestCommitsToAFastTargetAreLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := runSlow(t, 1<<30, 4096)
		last := commits[len(commits)-2] // the last one is what remains
		if want := engine.DefaultConfig().CommitBytes; last.bytes < want {
			t.Errorf("last full commit: got %d bytes, want %d", last.bytes, want)
		}
		if len(commits) > 10 {
			t.Errorf("got %d commits for 256 MiB, want at most 10", len(commits))
		}
	})
}
