package schema

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"backstitch/replay/record"
)

// Learnt is what the hashes of a side were made with, for whoever keeps them. They are those that would be made now while the registry
// still says the same.
type Learnt struct {
	Keys    bool              `json:"keys"`    // keys begin with numbers or GUIDs
	Schemas map[string]string `json:"schemas"` // by number or GUID, the fingerprint in hexadecimal
	// Fronts says that GUIDs in front of parts were looked for. They are among Schemas behind inFrontOf, with "" for one that is none. Who
	// does not know of them can not read such a name, and so believes nothing.
	Fronts bool `json:"fronts,omitempty"`
}

// inFrontOf stands before what parts begin with that may be a GUID.
const inFrontOf = "in front: "

// Learnt is what the side has learnt so far, nil for a nil Side and before it has asked about keys.
func (s *Side) Learnt() *Learnt {
	if s == nil || s.keys.Load() == 0 {
		return nil
	}
	out := &Learnt{Keys: !s.Bare(), Schemas: map[string]string{}, Fronts: true}
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	for name, print := range s.reg.prints {
		out.Schemas[name.Text()] = PrintText(print)
	}
	for name, f := range s.fronts {
		if !f.settled || f.torn != nil {
			continue // no part with it was hashed
		}
		print := ""
		if f.known {
			print = PrintText(s.reg.prints[name])
		}
		out.Schemas[inFrontOf+name.Text()] = print
	}
	return out
}

// PrintText is a fingerprint in hexadecimal digits, with a + behind where message indexes stand in front of payloads.
func PrintText(p record.Print) string {
	out := hex.EncodeToString(p.Sum[:])
	if p.Indexed {
		out += "+"
	}
	return out
}

// Differs asks the registry anew for everything in l and says what is not so any more, "" when all of it is. It returns an error only
// when ctx is over: a registry that does not answer is a reason, too.
func (s *Side) Differs(ctx context.Context, l *Learnt) (reason string, err error) {
	if s == nil && l == nil {
		return "", nil
	}
	if s == nil || l == nil {
		return "it does not say what the schemas were that its records name", nil
	}
	defer func() {
		if ctx.Err() != nil {
			reason, err = "", ctx.Err()
		}
	}()
	if err := s.ask(ctx); err != nil {
		return err.Error(), nil
	}
	if l.Keys == s.Bare() {
		return fmt.Sprintf("%s has subject %s-key now and had not, or the other way round", s.reg.name, s.topic), nil
	}
	if !l.Fronts {
		return "it was written when GUIDs in front of values were taken for bytes", nil
	}
	for _, key := range slices.Sorted(maps.Keys(l.Schemas)) {
		text, front := strings.CutPrefix(key, inFrontOf)
		name, err := ParseName(text)
		if err != nil {
			return err.Error(), nil
		}
		known := true
		if front {
			known, err = s.inFront(ctx, name)
		} else {
			err = s.reg.Learn(ctx, name)
		}
		if err != nil {
			return err.Error(), nil
		}
		now := ""
		if known {
			print, _ := s.reg.Known(name)
			now = PrintText(print)
		}
		if now != l.Schemas[key] {
			return fmt.Sprintf("%s of %s says something else than it did", name, s.reg.name), nil
		}
	}
	return "", nil
}

// ParsePrint reads what PrintText wrote.
func ParsePrint(text string) (record.Print, error) {
	digits, indexed := strings.CutSuffix(text, "+")
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != 16 {
		return record.Print{}, fmt.Errorf("%q is no fingerprint of a schema", text)
	}
	return record.Print{Sum: [16]byte(sum), Indexed: indexed}, nil
}

// ParseName reads what record.SchemaName.Text wrote.
func ParseName(text string) (record.SchemaName, error) {
	if raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", "")); err == nil && len(raw) == 16 {
		if name := (record.SchemaName{ByGUID: true, GUID: [16]byte(raw)}); name.Text() == text {
			return name, nil
		}
	}
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || strconv.FormatUint(id, 10) != text {
		return record.SchemaName{}, fmt.Errorf("%q is not what records call a schema", text)
	}
	return record.SchemaName{ID: uint32(id)}, nil
}
