package schema

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Side is what one side of a comparison names its schemas by. A nil Side takes names as the bytes that they are. It is safe for
// concurrent use.
type Side struct {
	reg   *Registry
	topic string
	keys  atomic.Int32 // whether keys begin with numbers: 0 when nobody has asked yet
	other *Side        // that this one is compared with; nil when it stands alone

	mu     sync.RWMutex
	seen   map[record.SchemaName]sighting
	fronts map[record.SchemaName]front // what may be GUIDs in front of parts, at most MaxFront
}

// sighting is how records name a schema, and which of them did first, of keys and of values.
type sighting struct {
	how   Seen
	first [2]First
}

// First is the first record that names a schema.
type First struct {
	Offset      partition.Offset
	TimestampMs int64
}

var (
	// ErrKeys says that keys begin with numbers on one side and are bytes on the other, so that no hashes of both compare.
	ErrKeys = errors.New("only one registry has schemas of keys")
	// ErrHeader says that a header names a schema in a way that can not be compared.
	ErrHeader = errors.New("a header names a schema in a way that can not be compared")
)

// Pair tells two sides that they are compared. Call it before either learns anything.
func Pair(a, b *Side) { a.other, b.other = b, a }

const (
	keysAreBytes  = 1
	keysAreFramed = 2
)

// NewSide makes the side that holds topic. It asks nothing yet. Values are taken to begin with numbers, or with the GUIDs that the registry
// has (front.go), unless a header names their schema. Keys are where the registry has the subject under which a client registers schemas of keys by default: keys of another make, such as
// numbers of 8 bytes, begin with a byte 0, too.
func NewSide(reg *Registry, topic string) *Side {
	return &Side{reg: reg, topic: topic, seen: map[record.SchemaName]sighting{}, fronts: map[record.SchemaName]front{}}
}

// Bare reports whether keys are known to begin with no number.
func (s *Side) Bare() bool { return s.keys.Load() == keysAreBytes }

func (s *Side) prefixed() record.Fields {
	if s.keys.Load() == keysAreFramed {
		return record.FieldKey | record.FieldValue
	}
	return record.FieldValue
}

// ask finds out about keys, once.
func (s *Side) ask(ctx context.Context) error {
	if s.keys.Load() != 0 {
		return nil
	}
	framed, err := s.reg.HasSubject(ctx, KeySubject(s.topic))
	if err != nil {
		return err
	}
	if framed {
		s.keys.Store(keysAreFramed)
	} else {
		s.keys.Store(keysAreBytes)
	}
	return nil
}

// Registry is where the side's schemas are.
func (s *Side) Registry() *Registry { return s.reg }

// Topic is the topic that the side holds.
func (s *Side) Topic() string { return s.topic }

// saw remembers how part i of r, 0 for the key and 1 for the value, names a schema. Records may be read again, and not from the beginning.
func (s *Side) saw(name record.SchemaName, i int, how Seen, r *record.Record) {
	part := (BeforeKey | OfKey) << i
	settled := func(x sighting) bool { return x.how&how != 0 && x.first[i].Offset <= r.Offset }
	s.mu.RLock()
	known := settled(s.seen[name])
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.seen[name]
	if x.how&part == 0 || r.Offset < x.first[i].Offset {
		x.first[i] = First{r.Offset, r.TimestampMs}
	}
	x.how |= how
	s.seen[name] = x
}

// Frames is what a Hasher of this side's records needs, once Learn has seen them.
func (s *Side) Frames() *record.Frames {
	if s == nil {
		return nil
	}
	return &record.Frames{Prefixed: s.prefixed, Front: s.isFront, Print: s.reg.Known}
}

// Learn asks for the schemas that the records of a batch name, as far as a comparison of fields sees them. Only then may they be hashed.
func (s *Side) Learn(ctx context.Context, b *record.Batch, fields record.Fields) error {
	if s == nil || b.Digests != nil {
		return nil // what is hashed already was learnt then
	}
	if err := s.ask(ctx); err != nil {
		return err
	}
	l := learner{s: s, fields: fields, prefixed: s.prefixed()}
	if s.other != nil {
		if err := s.other.ask(ctx); err != nil {
			return err
		}
		l.torn = s.other.prefixed() != l.prefixed
	}
	for i := range b.Records {
		r := &b.Records[i]
		if err := l.record(ctx, r); err != nil {
			return fmt.Errorf("the record at offset %d: %w", r.Offset, err)
		}
	}
	return nil
}

// learner looks at the records of one batch.
type learner struct {
	s        *Side
	fields   record.Fields
	prefixed record.Fields
	torn     bool // keys begin with numbers on one side only
	last     [2]struct {
		name  record.SchemaName
		print record.Print
		how   Seen
		known bool
	}
}

func (l *learner) record(ctx context.Context, r *record.Record) error {
	if l.fields&record.FieldHeaders == 0 {
		if err := unseen(r); err != nil {
			return err
		}
	}
	key, value := record.Namings(r, l.fields, l.prefixed)
	if l.torn && key.Header < 0 && l.fields&record.FieldKey != 0 {
		if err := l.tornKey(ctx, r.Key); err != nil {
			return err
		}
	}
	if err := l.part(ctx, 0, &key, r, record.KeySchemaHeader); err != nil {
		return err
	}
	return l.part(ctx, 1, &value, r, record.ValueSchemaHeader)
}

// unseen refuses a record whose header says what its schema is, where headers are not compared: the other side does not say it, and has
// the payload alone or with a number in front.
func unseen(r *record.Record) error {
	for i := range r.Headers {
		if k := r.Headers[i].Key; k == record.ValueSchemaHeader || k == record.KeySchemaHeader {
			return fmt.Errorf("%w: %s, and the other side holds no headers (without registries payloads are compared as bytes)", ErrHeader, k)
		}
	}
	return nil
}

// tornKey refuses a key that names a schema in front, where that counts on one side only.
func (l *learner) tornKey(ctx context.Context, key []byte) error {
	name, looks := record.FrontName(key)
	if !looks {
		return nil
	}
	if name.ByGUID {
		// That only one registry knows it is the same trouble.
		if known, err := l.s.inFront(ctx, name); err != nil && !errors.Is(err, ErrOneKnows) || err == nil && !known {
			return err
		}
	}
	return l.tornKeys()
}

func (l *learner) tornKeys() error {
	with, without := l.s, l.s.other
	if l.prefixed&record.FieldKey == 0 {
		with, without = without, with
	}
	return fmt.Errorf("%w: %s has subject %s-key, %s has no %s-key", ErrKeys, with.reg.Name(), with.topic, without.reg.Name(), without.topic)
}

// part learns what one part names, and refuses what a header says that no client would have written: who reads it fails, and nobody knows
// what it says to be the same.
func (l *learner) part(ctx context.Context, i int, n *record.Naming, r *record.Record, header string) error {
	if n.Headers > 1 {
		return fmt.Errorf("%w: it has %d headers %s, and clients do not agree which of them counts", ErrHeader, n.Headers, header)
	}
	if !n.OK {
		return nil
	}
	if n.InFront() && n.Name.ByGUID {
		if known, err := l.s.inFront(ctx, n.Name); err != nil || !known {
			return err // or it is a part like any other
		}
	}
	last := &l.last[i]
	if !last.known || last.name != n.Name {
		if err := l.s.reg.Learn(ctx, n.Name); err != nil {
			return err
		}
		last.name, last.how = n.Name, 0
		last.print, last.known = l.s.reg.Known(n.Name)
	}
	if how := seenIn(i, n.Header); last.how != how {
		last.how = how
		l.s.saw(n.Name, i, how, r)
	}
	if !n.Fits(last.print) {
		return fmt.Errorf("%w: %s holds %d bytes behind %s, which is not what a client writes for its type", ErrHeader, header, len(n.Tail), n.Name)
	}
	return nil
}
