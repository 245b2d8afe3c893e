package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"backstitch/chaos/traffic"
)

// Place is where a record stood in the reference.
type Place struct {
	Partition int32
	Offset    int64
}

// Made is the ground truth of a topic: what was produced, and, where it is known, what stood at which offset of the reference.
// Reference may be nil; then a refilled record is compared with the truth as a whole only.
type Made struct {
	Truth     traffic.Truth
	Reference map[Place]traffic.Event
}

// Topic compares what a reader of committed data sees with what was made: nothing lost, nothing there twice or from nowhere, each
// refilled record as it was, and refilled records of a job in the order of the reference.
func Topic(made Made, seen Log) (Findings, error) {
	if len(made.Truth) == 0 {
		return nil, unfit("an empty truth")
	}
	if err := seen.fit(); err != nil {
		return nil, err
	}
	var found Findings
	truth := seen.Truth()
	if lost, surplus := made.Truth.Difference(truth); lost+surplus > 0 {
		if lost > 0 {
			found.add(Complete, "topic", "%d of %d records are lost", lost, total(made.Truth))
		}
		if surplus > 0 {
			found.add(Once, "topic", "%d records are there too often, or were never made", surplus)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		inOrder(&found, p, seen[p].Records)
		if made.Reference != nil {
			asMade(&found, p, seen[p].Records, made.Reference)
		}
	}
	return found, nil
}

func total(t traffic.Truth) (n int64) {
	for _, c := range t {
		n += int64(c)
	}
	return n
}

// inOrder looks at the origins of each job: they rise.
func inOrder(found *Findings, p int32, records []Record) {
	last := map[string]Record{}
	for _, r := range records {
		if !r.Refilled {
			continue
		}
		before, ok := last[r.Job]
		switch {
		case ok && r.Origin == before.Origin:
			found.add(Once, fmt.Sprintf("partition %d", p), "origin %d of %s is at offset %d and at %d", r.Origin, r.Job, before.Offset, r.Offset)
		case ok && r.Origin < before.Origin:
			found.add(Ordered, fmt.Sprintf("partition %d", p), "origin %d of %s at offset %d comes after origin %d at %d", r.Origin, r.Job, r.Offset, before.Origin, before.Offset)
		}
		last[r.Job] = r
	}
}

// asMade compares each refilled record, field by field, with what stood at its origin.
func asMade(found *Findings, p int32, records []Record, reference map[Place]traffic.Event) {
	for _, r := range records {
		if !r.Refilled {
			continue
		}
		where := fmt.Sprintf("partition %d offset %d", p, r.Offset)
		want, ok := reference[Place{p, r.Origin}]
		if !ok {
			found.add(Faithful, where, "its origin %d never was", r.Origin)
			continue
		}
		switch {
		case r.TimestampMs != want.TimestampMs:
			found.add(Faithful, where, "timestamp: got %d, want %d", r.TimestampMs, want.TimestampMs)
		case !sameBytes(r.Key, want.Key):
			found.add(Faithful, where, "key: got %s, want %s", show(r.Key), show(want.Key))
		case !sameBytes(r.Value, want.Value):
			found.add(Faithful, where, "value: got %s, want %s", show(r.Value), show(want.Value))
		case !slices.EqualFunc(r.Headers, want.Headers, func(a, b traffic.Header) bool { return a.Key == b.Key && sameBytes(a.Value, b.Value) }):
			found.add(Faithful, where, "headers: got %v, want %v", r.Headers, want.Headers)
		}
	}
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func show(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%.60q", b)
}
