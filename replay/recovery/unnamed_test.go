package recovery_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// The target has partitions 2, with a record, and 3, without one, and the reference has neither. An archive may lack what it never was
// given; a topic has no other partitions than it lists.
func TestPartitionsThatTheReferenceDoesNotName(t *testing.T) {
	const archive, topic = "dir: {path: /archive}", `kafka: {brokers: "origin:9092", topic: orders}`
	for name, c := range map[string]struct {
		source, more string
		unknown      []int32
	}{
		"an archive":                   {archive, "", []int32{2}},
		"an archive, some partitions":  {archive, "  select: {partitions: \"0-1\"}\n", nil},
		"a topic with fewer":           {topic, "", nil},
		"an archive, by offset":        {archive, "  range: {offsets: {from: 0, to: 90}}\n", []int32{2}},
		"an archive, only what it had": {archive, "  select: {partitions: \"1\"}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.target = gaptest.New(4)
			for p, rs := range w.ref.Records {
				w.target.Append(p, rs...)
			}
			w.target.Append(2, record.Record{Value: []byte("of nobody")})
			r, err := spec.Parse("job.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {"+c.source+
				"}\n  target: {kafka: {brokers: \"kafka:9092\", topic: orders}}\n"+c.more), spec.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rep, err := recovery.Scan(context.Background(), r, w, options())
			if err != nil {
				t.Fatal(err)
			}
			var unknown []int32
			for _, res := range rep.Results {
				if !res.Comparable {
					unknown = append(unknown, res.Partition)
				}
			}
			if lost, _ := rep.Lost(); lost != 0 || !slices.Equal(unknown, c.unknown) || rep.Unknown() != len(c.unknown) {
				t.Errorf("got %d lost, partitions %v not comparable, %d findings of that; want 0 lost, %v", lost, unknown, rep.Unknown(), c.unknown)
			}
		})
	}
}

// A partition that somebody selected by its number and the archive does not name is a mistake in the spec, and an error.
func TestASelectedPartitionThatTheArchiveDoesNotName(t *testing.T) {
	w := newWorld()
	w.target = gaptest.New(3)
	w.target.Append(2, record.Record{Value: []byte("of nobody")})
	_, err := build(t, w, "  select: {partitions: \"2\"}\n")
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodePartition {
		t.Errorf("got %v, want %s", err, recovery.CodePartition)
	}
}
