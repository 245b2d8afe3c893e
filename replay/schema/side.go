package schema

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"backstitch/replay/record"
)

// Side is what one side of a comparison names its schemas by. A nil Side takes numbers as the bytes that they are. It is safe for
// concurrent use.
type Side struct {
	reg   *Registry
	topic string
	keys  atomic.Int32 // whether keys are framed: 0 when nobody has asked yet
	other *Side        // that this one is compared with; nil when it stands alone
}

// ErrKeys says that keys name schemas on one side and are bytes on the other, so that no hashes of both compare.
var ErrKeys = errors.New("only one registry has schemas of keys")

// Pair tells two sides that they are compared. Call it before either learns anything.
func Pair(a, b *Side) { a.other, b.other = b, a }

const (
	keysAreBytes  = 1
	keysAreFramed = 2
)

// NewSide makes the side that holds topic. It asks nothing yet. Values are taken to be framed. Keys are where the registry has the
// subject under which a client registers schemas of keys by default: keys of another make, such as numbers of 8 bytes, begin with a
// byte 0, too.
func NewSide(reg *Registry, topic string) *Side { return &Side{reg: reg, topic: topic} }

// Keys reports whether keys are taken to be framed, as far as it was asked.
func (s *Side) Keys() bool { return s.keys.Load() == keysAreFramed }

// ask finds out about keys, once.
func (s *Side) ask(ctx context.Context) error {
	if s.keys.Load() != 0 {
		return nil
	}
	framed, err := s.reg.HasSubject(ctx, s.topic+"-key")
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

// Frames is what a Hasher of this side's records needs, once Learn has seen them.
func (s *Side) Frames() *record.Frames {
	if s == nil {
		return nil
	}
	return &record.Frames{
		Parts: func() record.Fields {
			if s.Keys() {
				return record.FieldKey | record.FieldValue
			}
			return record.FieldValue
		},
		Print: s.reg.Known,
	}
}

// Learn asks for the schemas that the records of a batch name. Only then may they be hashed.
func (s *Side) Learn(ctx context.Context, b *record.Batch) error {
	if s == nil {
		return nil
	}
	if err := s.ask(ctx); err != nil {
		return err
	}
	keys, torn := s.Keys(), false
	if s.other != nil {
		if err := s.other.ask(ctx); err != nil {
			return err
		}
		torn = s.other.Keys() != keys
	}
	var last [2]struct {
		id   uint32
		seen bool
	}
	learn := func(i int, r *record.Record, part []byte, what string) error {
		id, ok := record.FrameID(part)
		if !ok || (last[i].seen && last[i].id == id) {
			return nil
		}
		if err := s.reg.Learn(ctx, id); err != nil {
			return fmt.Errorf("%s of the record at offset %d: %w", what, r.Offset, err)
		}
		last[i].id, last[i].seen = id, true
		return nil
	}
	for i := range b.Records {
		r := &b.Records[i]
		if err := learn(0, r, r.Value, "value"); err != nil {
			return err
		}
		if torn {
			if _, looks := record.FrameID(r.Key); looks {
				with, without := s, s.other
				if !keys {
					with, without = without, with
				}
				return fmt.Errorf("key of the record at offset %d: %w: %s has subject %s-key, %s has no %s-key", r.Offset, ErrKeys,
					with.reg.URL(), with.topic, without.reg.URL(), without.topic)
			}
			continue
		}
		if !keys {
			continue
		}
		if err := learn(1, r, r.Key, "key"); err != nil {
			return err
		}
	}
	return nil
}
