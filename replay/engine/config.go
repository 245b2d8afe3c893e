package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/replay/throttle"
	"backstitch/storage/spill"

	"go.opentelemetry.io/otel/trace"
)

// Config bounds a slice run. A commit happens when the first of the three limits is reached, and at the end of the slice.
type Config struct {
	CommitRecords  int64         // records between two commits
	CommitBytes    int64         // bytes of keys, values and headers between two commits, at most; see pace.go
	CommitEvery    time.Duration // time between two commits
	FewCommits     bool          // each commit stays as a file of its own; see few.go
	MaxQuarantine  int64         // more quarantined positions than this fail the slice
	ReadAheadBytes int64         // bytes of batches that wait to be written
	MaxUnknown     int           // unknown outcomes in a row, without progress, after which Run gives up
}

// DefaultConfig is for records of about 1 KiB. Fewer records a commit cost throughput, more cost rewritten work after a
// crash.
func DefaultConfig() Config {
	return Config{
		CommitRecords:  32 << 10,
		CommitBytes:    64 << 20,
		CommitEvery:    time.Second,
		MaxQuarantine:  100,
		ReadAheadBytes: 16 << 20,
		MaxUnknown:     3,
	}
}

// Validate names the first limit that can not work.
func (c Config) Validate() error {
	switch {
	case c.CommitRecords < 1, c.CommitBytes < 1, c.CommitEvery <= 0:
		return errors.New("engine: commit limits must be positive")
	case c.MaxQuarantine < 0:
		return fmt.Errorf("engine: at most %d quarantined records", c.MaxQuarantine)
	case c.ReadAheadBytes < 1:
		return fmt.Errorf("engine: %d bytes of read-ahead", c.ReadAheadBytes)
	case c.MaxUnknown < 1:
		return fmt.Errorf("engine: %d unknown outcomes", c.MaxUnknown)
	}
	return nil
}

// Task is one slice to run, under one lease.
type Task struct {
	Slice partition.Slice
	Epoch partition.Epoch
	// Seen is the book's copy of the progress. The target's own wins, unless it is behind: then the target has lost what it
	// knew, and running on would write records twice.
	Seen fsm.Checkpoint
}

// Ends are what a slice is read from and written to, and what else it needs of the world.
type Ends struct {
	Source source.Source
	Sink   sink.Sink
	// Topic is what the reference calls the data, the first part of an origin header.
	Topic string
	Rules []string       // names of the rules that Source judges by, in order
	Lane  *throttle.Lane // what it may write when; nil is as fast as it can
	// Frames is how records are told to be the same; nil takes every part as the bytes that it is.
	Frames *record.Frames
	Spill  spill.Options // for what others wrote into the target
	Now    func() time.Time
	Log    *slog.Logger // nil is silent
	// Counters are added to as things happen; nil counts nothing that others see.
	Counters *Counters
	Tracer   trace.Tracer // nil makes no spans
}
