package dir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// Config says where to write.
type Config struct {
	Path          string // must be there
	Topic         string // directory inside
	OriginHeaders bool   // adds sink.OriginHeader and sink.JobHeader
	SourceTopic   string // what the reference calls the data
	// BufferBytes bounds the records of one commit, which are held in memory as text; 0 is 256 MiB.
	BufferBytes int64
}

const defaultBufferBytes = 256 << 20

// Validate names the first thing that can not work.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("directory sink: no path")
	case c.Topic == "", c.Topic == ".", c.Topic == "..", strings.ContainsAny(c.Topic, "/\\\x00"):
		return fmt.Errorf("directory sink: topic %q can not be the name of a directory", c.Topic)
	case c.OriginHeaders && c.SourceTopic == "":
		return errors.New("directory sink: origin headers need the name of the source topic")
	case c.BufferBytes < 0:
		return fmt.Errorf("directory sink: %d bytes of buffer", c.BufferBytes)
	}
	return nil
}

// Sink writes into one directory. It satisfies sink.Sink and sink.Targets.
type Sink struct {
	cfg   Config
	root  *os.Root
	names atomic.Int64 // makes temporary and data file names of this process differ
}

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Targets = (*Sink)(nil)
)

// New opens the directory. It writes nothing.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.BufferBytes == 0 {
		cfg.BufferBytes = defaultBufferBytes
	}
	root, err := os.OpenRoot(cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("directory %s: %w: %w", cfg.Path, err, sink.ErrNoTarget)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("directory %s: %w: %w", cfg.Path, err, sink.ErrDenied)
	}
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", cfg.Path, err)
	}
	return &Sink{cfg: cfg, root: root}, nil
}

// Close closes the directory.
func (s *Sink) Close() error { return s.root.Close() }

// Fields returns AllFields.
func (s *Sink) Fields() record.Fields { return record.AllFields }

// maxRaces bounds how often Open tries to be the newest when others open the lane as well.
const maxRaces = 100

// Open fences whoever had the lane and returns the progress that they committed last.
func (s *Sink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	w := &writer{s: s, dir: partitionDir(s.cfg.Topic, slice.Partition), slice: slice, epoch: epoch}
	if err := s.root.MkdirAll(w.dir, 0o755); err != nil {
		return nil, sink.Progress{}, fmt.Errorf("open %s for slice %s: %w", w.dir, slice.ID, err)
	}
	for range maxRaces {
		if err := ctx.Err(); err != nil {
			return nil, sink.Progress{}, err
		}
		p, err := w.takeOver()
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, sink.Progress{}, fmt.Errorf("open %s for slice %s: %w", w.dir, slice.ID, err)
		}
		return w, p, nil
	}
	return nil, sink.Progress{}, fmt.Errorf("open %s for slice %s: others open it all the time: %w", w.dir, slice.ID, sink.ErrFenced)
}

// takeOver reads the log of commits and appends one without data. fs.ErrExist means that somebody was quicker.
func (w *writer) takeOver() (sink.Progress, error) {
	last, err := lastEntry(w.s.root, w.dir)
	if err != nil {
		return sink.Progress{}, err
	}
	w.number, w.to = last, 0
	p, found := sink.Begin(w.slice), false
	for n := last; n > 0 && !found; n-- {
		e, err := readEntry(w.s.root, w.dir, n)
		if err != nil {
			return sink.Progress{}, err
		}
		if n == last {
			w.to = e.To
		}
		if e.Job != w.slice.ID.Job {
			continue
		}
		found = true
		stamp, err := sink.ParseStamp(e.Stamp)
		if err == nil {
			p, err = stamp.Resume(w.slice, w.epoch)
		}
		if err != nil {
			return sink.Progress{}, err
		}
	}
	failpoint.Reach(failpoint.DirTakingOver)
	return p, w.append(entry{}, p)
}

// append adds the next commit to the log.
func (w *writer) append(e entry, p sink.Progress) error {
	text, err := sink.Stamp{Slice: w.slice.ID.N, Epoch: w.epoch, Progress: p}.Encode()
	if err != nil {
		return err
	}
	e.Version, e.Number, e.Job, e.Stamp = 1, w.number+1, w.slice.ID.Job, text
	if e.Data == "" {
		e.From, e.To = w.to, w.to
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := putNew(w.s.root, w.dir, entryName(e.Number), body, w.s.names.Add(1)); err != nil {
		return err
	}
	w.number, w.to = e.Number, e.To
	return nil
}
