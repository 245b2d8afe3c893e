package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// Config says where to write.
type Config struct {
	Topic         string // directory inside the bucket
	OriginHeaders bool   // adds sink.OriginHeader and sink.JobHeader
	SourceTopic   string // what the reference calls the data
	Format        Format // of data objects that are written; "" is NDJSON. Those that are read say their own
	Codec         string // that they are compressed with, "" for the format's default
	// Columns says that values are written as columns, in Avro and Parquet; nil keeps their bytes.
	Columns *Columns
	// BufferBytes bounds the records of one commit, which are held in memory as text; 0 is 256 MiB.
	BufferBytes int64
}

const defaultBufferBytes = 256 << 20

// Validate names the first thing that can not work.
func (c Config) Validate() error {
	switch {
	case c.Topic == "", c.Topic == ".", c.Topic == "..", strings.ContainsAny(c.Topic, "/\\\x00"):
		return fmt.Errorf("object sink: topic %q can not be the name of a directory", c.Topic)
	case c.OriginHeaders && c.SourceTopic == "":
		return errors.New("object sink: origin headers need the name of the source topic")
	case c.BufferBytes < 0:
		return fmt.Errorf("object sink: %d bytes of buffer", c.BufferBytes)
	}
	c.fill()
	if c.Columns != nil {
		if err := c.Columns.validate(c.Format); err != nil {
			return fmt.Errorf("object sink: %w", err)
		}
	}
	return c.Format.validate(c.Codec)
}

// fill writes defaults out.
func (c *Config) fill() {
	if c.BufferBytes == 0 {
		c.BufferBytes = defaultBufferBytes
	}
	if c.Format == "" {
		c.Format = NDJSON
	}
	if list := codecs[c.Format]; c.Codec == "" && list != nil {
		c.Codec = list[0]
	}
}

// Prober is a bucket that can be asked whether it keeps two writers of one name apart. One that is none does.
type Prober interface {
	Probe(ctx context.Context) error
}

// Sink writes into one bucket. It satisfies sink.Sink, sink.Targets and sink.Reverter.
type Sink struct {
	cfg Config
	b   bucket.Bucket
	// trusted holds whether the store was asked; whoever takes it out asks. No lock: an answer can take long, and who waits for it may be
	// called off.
	trusted chan bool
}

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Targets = (*Sink)(nil)

	_ sink.Reverter = (*Sink)(nil)
)

// New writes into b, which the sink closes if it can be closed. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.fill()
	s := &Sink{cfg: cfg, b: b, trusted: make(chan bool, 1)}
	_, asks := b.(Prober)
	s.trusted <- !asks
	return s, nil
}

// Close closes the bucket.
func (s *Sink) Close() error {
	if c, ok := s.b.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Fields returns AllFields.
func (s *Sink) Fields() record.Fields { return record.AllFields }

// probe asks the store once whether it can be written to safely.
func (s *Sink) probe(ctx context.Context) (err error) {
	var trusted bool
	select {
	case trusted = <-s.trusted:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !trusted {
		err = s.b.(Prober).Probe(ctx)
		trusted = err == nil
	}
	s.trusted <- trusted
	return err
}

// maxRaces bounds how often Open tries to be the newest when others open the lane as well.
const maxRaces = 100

// Open fences whoever had the lane and returns the progress that they committed last. A store that ignores If-None-Match is
// bucket.ErrNotConditional.
func (s *Sink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	w := &writer{s: s, log: s.log(slice.Partition), slice: slice, epoch: epoch}
	var err error
	if w.enc, err = s.cfg.encoder(); err != nil {
		return nil, sink.Progress{}, err
	}
	fail := func(err error) (sink.Writer, sink.Progress, error) {
		return nil, sink.Progress{}, fmt.Errorf("open %s for slice %s: %w", w.log.dir, slice.ID, classify(err))
	}
	if err := s.probe(ctx); err != nil {
		return fail(err)
	}
	last, err := w.log.last(ctx)
	if err != nil {
		return fail(err)
	}
	for range maxRaces {
		p, err := w.takeOver(ctx, last)
		switch {
		case err == nil:
			return w, p, nil
		case !errors.Is(err, bucket.ErrExists):
			return fail(err)
		}
		// Somebody was quicker, whatever the listing says.
		if last, err = w.log.newest(ctx, last); err != nil {
			return fail(err)
		}
	}
	return fail(fmt.Errorf("others open it all the time: %w", sink.ErrFenced))
}

func (s *Sink) log(part int32) log { return log{b: s.b, dir: partitionDir(s.cfg.Topic, part)} }

// takeOver looks for the progress of the lane, from last backwards, and appends a commit without data. bucket.ErrExists means that
// somebody was quicker.
func (w *writer) takeOver(ctx context.Context, last entry) (sink.Progress, error) {
	w.number, w.to, w.void = last.Number, last.To, last.Void
	if slices.Contains(last.Void, w.slice.ID.Job) {
		return sink.Progress{}, fmt.Errorf("what job %s wrote was made void: %w", w.slice.ID.Job, sink.ErrFenced)
	}
	p := sink.Begin(w.slice)
	for e := last; e.Number > 0; {
		if e.Job == w.slice.ID.Job {
			stamp, err := sink.ParseStamp(e.Stamp)
			if err == nil {
				p, err = stamp.Resume(w.slice, w.epoch)
			}
			if err != nil {
				return sink.Progress{}, err
			}
			break
		}
		if e.Number == 1 {
			break
		}
		var err error
		if e, err = w.log.must(ctx, e.Number-1); err != nil {
			return sink.Progress{}, err
		}
	}
	failpoint.Reach(failpoint.ObjectsTakingOver)
	return p, w.append(ctx, entry{}, p)
}

// append adds the next commit to the log.
func (w *writer) append(ctx context.Context, e entry, p sink.Progress) error {
	text, err := sink.Stamp{Slice: w.slice.ID.N, Epoch: w.epoch, Progress: p}.Encode()
	if err != nil {
		return err
	}
	e.Version, e.Number, e.Job, e.Stamp = 1, w.number+1, w.slice.ID.Job, text
	if e.Data == "" {
		e.From, e.To = w.to, w.to
	} else {
		e.Version = w.s.cfg.version()
	}
	e.inherit(w.void)
	if err := w.log.append(ctx, e); err != nil {
		return err
	}
	w.number, w.to = e.Number, e.To
	return nil
}

// classify gives err the sink's meaning where it has one.
func classify(err error) error {
	switch {
	case errors.Is(err, bucket.ErrNoBucket):
		return fmt.Errorf("%w: %w", err, sink.ErrNoTarget)
	case errors.Is(err, bucket.ErrDenied):
		return fmt.Errorf("%w: %w", err, sink.ErrDenied)
	}
	return err
}
