package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"backstitch/replay/record"
)

// Named is what a side's records call a schema.
type Named struct {
	Name  record.SchemaName
	Print record.Print
	Seen  Seen // 0 when it was learnt from a ledger, which does not say
	// First are the first records that name it in the key and in the value, where Seen has that part. They are of one partition when the
	// side is.
	First [2]First
}

// Seen is where records name a schema.
type Seen uint8

const (
	BeforeKey   Seen = 1 << iota // in front of the key
	BeforeValue                  // in front of the value
	OfKey                        // in the header for the key
	OfValue                      // in the header for the value
)

// seenIn is where part i, 0 for the key and 1 for the value, is named: by a header, or -1.
func seenIn(i, header int) Seen {
	if header < 0 {
		return BeforeKey << i
	}
	return OfKey << i
}

// Keys and Values report whether that part of a record names the schema.
func (s Seen) Keys() bool   { return s&(BeforeKey|OfKey) != 0 }
func (s Seen) Values() bool { return s&(BeforeValue|OfValue) != 0 }

// twoWays reports whether one part names it in front of itself here and in a header there.
func (s Seen) twoWays() bool {
	return s&(BeforeKey|OfKey) == BeforeKey|OfKey || s&(BeforeValue|OfValue) == BeforeValue|OfValue
}

// Named lists what the side's records name, as far as it has learnt it, by name.
func (s *Side) Named() []Named {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	var out []Named
	for name, print := range s.reg.prints {
		x := s.seen[name]
		out = append(out, Named{name, print, x.how, x.first})
	}
	slices.SortFunc(out, func(a, b Named) int { return cmp.Compare(a.Name.Text(), b.Name.Text()) })
	return out
}

// ErrNames says that a record that is carried over as the bytes that it is would say something else than it did, or that two records say
// the same in different bytes.
var ErrNames = errors.New("the two sides name their schemas differently")

// SameNames makes sure that what is equal by schema is equal byte for byte, and the other way round: each name that a record of from has
// stands for the same schema in the registry of to, and nobody calls a schema by two names or in two ways. from and to have learnt their
// records.
func SameNames(ctx context.Context, from, to *Side) error {
	names, seen := map[record.Print]record.SchemaName{}, map[record.SchemaName]Seen{}
	mine := from.Named()
	for _, n := range slices.Concat(mine, to.Named()) {
		if n.Seen == 0 {
			return fmt.Errorf("%w, or not: a ledger knows %s and does not say how records name it", ErrNames, n.Name)
		}
		if seen[n.Name] |= n.Seen; seen[n.Name].twoWays() {
			return fmt.Errorf("%w: some records have %s in front and others in a header", ErrNames, n.Name)
		}
		if other, ok := names[n.Print]; ok && other != n.Name {
			return fmt.Errorf("%w: %s and %s are one schema", ErrNames, other, n.Name)
		}
		names[n.Print] = n.Name
	}
	for _, n := range mine {
		err := to.reg.Learn(ctx, n.Name)
		if errors.Is(err, ErrUnknown) {
			return fmt.Errorf("%w: %s has no %s", ErrNames, to.reg.Name(), n.Name)
		}
		if err != nil {
			return err
		}
		if print, _ := to.reg.Known(n.Name); print != n.Print {
			return fmt.Errorf("%w: %s of %s is another one than that of %s", ErrNames, n.Name, to.reg.Name(), from.reg.Name())
		}
	}
	return nil
}

// KeySubject and ValueSubject are the subjects under which clients register the schemas of a topic, unless they are told otherwise.
func KeySubject(topic string) string   { return topic + "-key" }
func ValueSubject(topic string) string { return topic + "-value" }
