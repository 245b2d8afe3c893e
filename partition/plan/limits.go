package plan

import "fmt"

// Limits says when a slice is big enough. Each is a ceiling for one fill slice. They are chosen so that a slice takes
// between ten seconds and a few minutes: shorter ones cost a lease each, longer ones pin a lane to a slow node.
type Limits struct {
	Bytes     int64 // of reference data, as Count.Bytes counts it
	Records   int64
	Positions int64 // reference positions, holes included; bounds the scan through a reference that is mostly holes
	Objects   int   // archive files that one slice opens
	Ranges    int   // separate stretches of positions; bounds the encoded size of a slice

	// Parts bounds ranges plus objects of any slice. A verify slice can not be cut, because the order of a partition is
	// proved in one pass; beyond this it would not fit into a command of the book, and Cut refuses with ErrTooLarge.
	Parts int
}

// DefaultLimits returns the limits that a plan has when nobody says otherwise.
func DefaultLimits() Limits {
	return Limits{
		Bytes:     256 << 20,
		Records:   1_000_000,
		Positions: 50_000_000,
		Objects:   500,
		Ranges:    5_000,
		Parts:     50_000,
	}
}

// Validate reports the first limit that is not positive.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"bytes", l.Bytes}, {"records", l.Records}, {"positions", l.Positions},
		{"objects", int64(l.Objects)}, {"ranges", int64(l.Ranges)}, {"parts", int64(l.Parts)},
	} {
		if f.value <= 0 {
			return fmt.Errorf("slice limit %s is %d: want at least 1", f.name, f.value)
		}
	}
	return nil
}
