package fsm

import (
	"fmt"

	"backstitch/partition"
)

// SaveSchemas keeps which schemas the records of a partition named that a scan has compared, before its slice is finished. Of a scan that is about
// no dataset, or one that is forgotten, nothing is kept.
//
// Since: 5. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a slice of another kind; none or too many schemas,
// or some that can not be). Saving again is OK.
type SaveSchemas struct {
	Slice   partition.SliceID
	Owner   partition.NodeID
	Epoch   partition.Epoch
	Schemas []SeenSchema
}

// Op returns 70.
func (SaveSchemas) Op() uint16 { return 70 }

func (c SaveSchemas) subject() string { return "schemas of slice " + c.Slice.String() }

func (c SaveSchemas) apply(t *tx) Result {
	s, ok := t.state(c.Slice)
	if !ok {
		return t.refuse(UnknownSlice, c.subject())
	}
	if code := held(s, c.Owner, c.Epoch); code != OK {
		return t.refuse(code, c.subject())
	}
	if why := c.invalid(s); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	j, _ := t.job(c.Slice.Job)
	scan, _ := t.scanOf(c.Slice.Job)
	name := DatasetOf(j.Namespace, scan.Dataset)
	if _, known := t.dataset(name); !known || scan.Dataset == "" {
		return t.ok()
	}
	for _, seen := range c.Schemas {
		t.noteSchema(DatasetSchema{
			Dataset: name, Pair: scan.Pair, Seen: seen, Scan: scan.Job, UnixNanos: t.env.UnixNanos, Last: scan.Job, LastUnixNanos: t.env.UnixNanos,
		})
	}
	t.forgetSchemas(name)
	return t.ok()
}

func (c SaveSchemas) invalid(s SliceState) string {
	if s.Kind != partition.SliceScan {
		return fmt.Sprintf("a %s slice meets no schemas", s.Kind)
	}
	if len(c.Schemas) == 0 || len(c.Schemas) > MaxSeenSchemas {
		return fmt.Sprintf("%d schemas, want 1 to %d", len(c.Schemas), MaxSeenSchemas)
	}
	for _, seen := range c.Schemas {
		if why := seen.invalid(); why != "" {
			return why
		}
		if seen.First.Partition != s.Partition {
			return fmt.Sprintf("schema %s was met in partition %d, not %d", seen.Name, seen.First.Partition, s.Partition)
		}
	}
	return ""
}
