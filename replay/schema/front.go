package schema

import (
	"context"
	"errors"
	"fmt"

	"backstitch/replay/record"
)

// GUIDs in front of keys and values. A number behind a zero byte is taken for one in a topic that has a registry; a byte 1 and 16 more are
// the beginning of many things, so there only a registry's word counts:
//
//   - It has the GUID: the part is compared by what the schema says.
//   - It was asked and has none: the part is the bytes that it is, on both sides. That takes both registries' word. If only one has the
//     GUID, the same bytes would be a name here and none there, and the record would look lost: such a partition is not comparable.
//   - It could not be asked, or knows no GUIDs: nobody knows which of both it is, and the partition is not comparable.
//
// The trap: a topic of random bytes has ever new ones. So how many are looked for is bounded, and what comes beyond is not comparable, either;
// to compare it as bytes would make what is said of a record hang on how many came before it.

// MaxFront bounds how many GUIDs are looked for in front of a side's keys and values, those that are none included.
const MaxFront = 1000

var (
	// ErrFront says that more parts begin like GUIDs than are looked for.
	ErrFront = errors.New("too many parts begin with what may be the GUID of a schema")
	// ErrOneKnows says that one side's registry has a GUID and the other's has not, so that one part is a name here and bytes there.
	ErrOneKnows = errors.New("only one registry has the GUID that a part begins with")
)

// front is what is known of what may be a GUID.
type front struct {
	told  bool // the side's own registry has answered
	known bool // that it is one
	// settled says that the other side was looked at, too; torn is then why nothing can be said of it, nil mostly.
	settled bool
	torn    error
}

// inFront finds out whether name, which stands in front of a part, is a GUID of the registry. It is asked once.
func (s *Side) inFront(ctx context.Context, name record.SchemaName) (known bool, err error) {
	s.mu.RLock()
	f := s.fronts[name]
	s.mu.RUnlock()
	if f.settled {
		return f.known, f.torn
	}
	if err := s.room(name); err != nil {
		return false, err
	}
	has, err := s.reg.Has(ctx, name)
	if err == nil && has {
		err = s.reg.Learn(ctx, name)
	}
	if err != nil {
		return false, err
	}
	s.keep(name, front{told: true, known: has})
	err = s.torn(ctx, name, has)
	if err == nil || errors.Is(err, ErrOneKnows) {
		s.keep(name, front{told: true, known: has, settled: true, torn: err})
	}
	return has, err
}

func (s *Side) keep(name record.SchemaName, f front) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fronts[name] = f
}

// torn makes sure that the other side takes name for what this one does. What this side was told is kept before that, so whichever of two
// sides is told last sees what the other was: a schema may be registered between the two questions.
func (s *Side) torn(ctx context.Context, name record.SchemaName, has bool) error {
	if s.other == nil {
		return nil
	}
	with, without := s.reg, s.other.reg
	if has {
		s.other.mu.RLock()
		f := s.other.fronts[name]
		s.other.mu.RUnlock()
		if !f.told || f.known {
			return nil
		}
	} else {
		there, err := s.other.reg.Has(ctx, name)
		if err != nil || !there {
			return err
		}
		with, without = without, with
	}
	return fmt.Errorf("%w: %s has %s, %s has not", ErrOneKnows, with.Name(), name, without.Name())
}

// isFront reports whether name, which stands in front of a part, was found to be a GUID of the registry. What was none when it was asked for
// stays none, though a header may have made it known since.
func (s *Side) isFront(name record.SchemaName) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.fronts[name].known
}

// room makes room for another one, if it is one.
func (s *Side) room(name record.SchemaName) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, met := s.fronts[name]; met {
		return nil
	}
	if len(s.fronts) >= MaxFront {
		return fmt.Errorf("%w: registry %s was asked for %d, so these parts are of another form (without registries they are compared as bytes)", ErrFront, s.reg.Name(), MaxFront)
	}
	s.fronts[name] = front{}
	return nil
}

// Has reports whether the registry has a schema of that name, whatever it says and whether or not that can be told: ErrNoAnswer. It does
// not become one of those that were learnt.
func (r *Registry) Has(ctx context.Context, name record.SchemaName) (bool, error) {
	if _, ok := r.Known(name); ok {
		return true, nil
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	has, told := r.has[name]
	if told {
		return has, nil
	}
	_, err := r.schema(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		has = false
	case err != nil:
		return false, err
	default:
		has = true
	}
	r.has[name] = has
	return has, nil
}
