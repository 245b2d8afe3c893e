package plan

import (
	"errors"
	"fmt"

	"backstitch/partition"
)

// ErrInvalid is wrapped by every refusal of an input that contradicts itself.
var ErrInvalid = errors.New("invalid part")

// ErrTooLarge is wrapped when a slice would have more ranges and objects than Limits.Parts.
var ErrTooLarge = errors.New("slice too large")

// Part is one partition of a recovery, as the scan left it.
type Part struct {
	Partition int32
	// Fill is exactly what to write. Empty means that this partition is only verified.
	Fill partition.Ranges
	// Filled is what the verify slice takes for filled, where Fill has been broken at positions that nobody wants: it says the same in fewer
	// ranges, and whoever verifies knows those positions. It covers Fill. Nil is Fill.
	Filled partition.Ranges
	// Compare is what the verify slice compares. It covers Fill. Empty, together with an empty Fill, makes no slice at all.
	Compare partition.Ranges
	// Objects are the frozen files of the archive that cover Compare, by ascending Base. Empty for a Kafka reference.
	Objects []partition.Object
	// Counts say how many records and bytes lie where, ascending and disjoint. They size the slices and fill in the
	// estimates. Positions that no Count covers count as empty. Nil makes Cut estimate: from the objects' own counts and
	// stored sizes if there are objects, otherwise one record per position and no bytes.
	Counts []Count
	// TargetFrom and TargetTo are copied into each slice; see partition.Slice.
	TargetFrom int64
	TargetTo   int64
}

// Count is how much lies in Range. It is taken to be spread evenly over it.
type Count struct {
	Range   partition.Range
	Records int64
	Bytes   int64 // uncompressed keys, values and headers
}

// Spread makes one Count per range out of totals, by the share of positions. Use it when a scan knows only totals. The
// parts add up to the totals.
func Spread(rs partition.Ranges, records, bytes int64) []Count {
	total, out := rs.Len(), make([]Count, 0, len(rs))
	var at int64
	for _, r := range rs {
		to := at + r.Len()
		out = append(out, Count{
			Range:   r,
			Records: share(records, to, total) - share(records, at, total),
			Bytes:   share(bytes, to, total) - share(bytes, at, total),
		})
		at = to
	}
	return out
}

func (p Part) validate() error {
	if p.Partition < 0 {
		return fmt.Errorf("%w: partition %d is negative", ErrInvalid, p.Partition)
	}
	for _, s := range []struct {
		name   string
		ranges partition.Ranges
	}{{"fill", p.Fill}, {"filled", p.Filled}, {"compare", p.Compare}} {
		if err := normal(s.ranges); err != nil {
			return fmt.Errorf("%w: partition %d: %s ranges: %w", ErrInvalid, p.Partition, s.name, err)
		}
	}
	for _, r := range p.Fill {
		if !covered(p.Compare, r) {
			return fmt.Errorf("%w: partition %d: fill range %s is not inside the compared ranges", ErrInvalid, p.Partition, r)
		}
		if p.Filled != nil && !covered(p.Filled, r) {
			return fmt.Errorf("%w: partition %d: fill range %s is not inside the filled ranges", ErrInvalid, p.Partition, r)
		}
	}
	for _, r := range p.Filled {
		if !covered(p.Compare, r) {
			return fmt.Errorf("%w: partition %d: filled range %s is not inside the compared ranges", ErrInvalid, p.Partition, r)
		}
	}
	for i, o := range p.Objects {
		if o.Base < 0 || o.Size < 0 || o.Count < -1 {
			return fmt.Errorf("%w: object %q: base %d, size %d, count %d", ErrInvalid, o.Key, o.Base, o.Size, o.Count)
		}
		if i > 0 && o.Base < p.Objects[i-1].Base {
			return fmt.Errorf("%w: object %q starts before %q", ErrInvalid, o.Key, p.Objects[i-1].Key)
		}
	}
	for i, c := range p.Counts {
		if c.Range.Empty() || c.Records < 0 || c.Bytes < 0 {
			return fmt.Errorf("%w: count %s: %d records, %d bytes", ErrInvalid, c.Range, c.Records, c.Bytes)
		}
		if i > 0 && c.Range.From < p.Counts[i-1].Range.To {
			return fmt.Errorf("%w: counts %s and %s overlap", ErrInvalid, p.Counts[i-1].Range, c.Range)
		}
	}
	return nil
}

// normal reports the first place where rs is not what partition.Normalize makes. Touching ranges are refused too: two names
// for one stretch would give a plan two hashes.
func normal(rs partition.Ranges) error {
	for i, r := range rs {
		if r.Empty() || r.From < 0 {
			return fmt.Errorf("%s is empty or negative", r)
		}
		if i > 0 && r.From <= rs[i-1].To {
			return fmt.Errorf("%s and %s touch or are out of order", rs[i-1], r)
		}
	}
	return nil
}

// covered reports whether all of r lies in rs, which is normal.
func covered(rs partition.Ranges, r partition.Range) bool {
	i := search(rs, r.From)
	return i < len(rs) && rs[i].From <= r.From && r.To <= rs[i].To
}
