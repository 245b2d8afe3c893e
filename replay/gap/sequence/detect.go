package sequence

import (
	"errors"
	"fmt"

	"backstitch/replay/record"
)

// ErrTooMany says that the sources and their holes need more memory than allowed.
var ErrTooMany = errors.New("too many sources or holes to keep in memory")

// Config says what to look at.
type Config struct {
	// Source names who wrote a record. Several paths together do, e.g. a host and what it calls its present life.
	Source   []Path
	Sequence Path
	// MemoryBytes bounds what is kept; beyond it the scan ends with ErrTooMany.
	MemoryBytes int64
}

// DefaultMemory is enough for half a million sources without holes, or for four million holes.
const DefaultMemory = 128 << 20

// What things take in memory, about.
const (
	stateBytes = 256
	spanBytes  = 32
)

// Validate reports what is missing.
func (c Config) Validate() error {
	if len(c.Source) == 0 || c.Sequence.text == "" {
		return errors.New("sequence: where the source and its number lie in a record must be said")
	}
	if c.MemoryBytes < 1 {
		return fmt.Errorf("sequence: memory of %d bytes: want a positive number", c.MemoryBytes)
	}
	return nil
}

// detector keeps what it has seen of each source. It is used by one goroutine.
type detector struct {
	cfg     Config
	sources map[string]*state
	used    int64
	hasher  record.Hasher
	buf     []byte

	records   int64
	nameless  int64 // without a source or without a number
	nameFirst place // where the first of these is
	lastMs    int64 // newest timestamp of all
}

// place is where a record lies.
type place struct {
	part   int32
	offset int64
}

func newDetector(cfg Config) *detector { return &detector{cfg: cfg, sources: map[string]*state{}} }

func (d *detector) add(part int32, r *record.Record) error {
	d.records++
	d.lastMs = max(d.lastMs, r.TimestampMs)
	name, ok := d.name(r)
	n, numbered := d.cfg.Sequence.number(r)
	if !ok || !numbered {
		if d.nameless == 0 {
			d.nameFirst = place{part, r.Offset}
		}
		d.nameless++
		return nil
	}
	s := d.sources[string(name)]
	if s == nil {
		s = &state{}
		d.sources[string(name)] = s
		d.used += stateBytes + 2*int64(len(name))
	}
	grown := s.add(n, r.TimestampMs, part, func() [16]byte { return d.hasher.Hash(r, record.FieldKey|record.FieldValue) })
	if d.used += int64(grown) * spanBytes; d.used > d.cfg.MemoryBytes {
		return fmt.Errorf("partition %d, offset %d: %d sources, about %d MiB: %w", part, r.Offset, len(d.sources), d.used>>20, ErrTooMany)
	}
	return nil
}

// name puts together what the paths to the source find. It is used again by the next call.
func (d *detector) name(r *record.Record) ([]byte, bool) {
	d.buf = d.buf[:0]
	for i, p := range d.cfg.Source {
		text, ok := p.find(r)
		if !ok {
			return nil, false
		}
		if i > 0 {
			d.buf = append(d.buf, ' ')
		}
		d.buf = append(d.buf, text...)
	}
	return d.buf, true
}
