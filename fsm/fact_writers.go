package fsm

import (
	"slices"
	"strings"

	"backstitch/partition"
)

// Who may have written a partition, for evidence E4. What counts is who was ever given one of its fill slices, and not who
// reported something: an owner that was overtaken may have written before it died.

// Writers says who may have written the partitions of a job.
type Writers struct {
	// Known is false for a job that was submitted before the book noted writers. Nothing is E4 then.
	Known bool
	Lanes []LaneWriters // by partition; one that is not listed was not written by the job
}

// LaneWriters are the nodes that were given a fill slice of a partition, by id.
type LaneWriters struct {
	Partition int32
	Nodes     []partition.NodeID
}

// Of returns the nodes that may have written a partition.
func (w Writers) Of(p int32) []partition.NodeID {
	i, ok := slices.BinarySearchFunc(w.Lanes, p, func(l LaneWriters, p int32) int { return int(l.Partition) - int(p) })
	if !ok {
		return nil
	}
	return w.Lanes[i].Nodes
}

// PersonPrefix begins Comparison.ReadBy where a person compared from outside. Nobody vouches for where such a command ran, so it
// is never evidence of a second node.
const PersonPrefix = "cli:"

// Independent reports whether the target was read by a node of which the book knows that it wrote nothing of the partition.
func (w Writers) Independent(c Comparison) bool {
	return w.Known && c.ReadBy != "" && !strings.HasPrefix(string(c.ReadBy), PersonPrefix) && !slices.Contains(w.Of(c.Partition), c.ReadBy)
}

// Level is the evidence that a comparison may claim: E4 only when Independent, and otherwise what it claims.
func (w Writers) Level(c Comparison) Evidence {
	if c.Evidence > E3 && !w.Independent(c) {
		return E3
	}
	return c.Evidence
}

// Attest returns c with the evidence that it deserves: a comparison at E3 that was read by an independent node is one at E4.
func (w Writers) Attest(c Comparison) Comparison {
	if c.Evidence = w.Level(c); c.Evidence == E3 && w.Independent(c) {
		c.Evidence = E4
	}
	return c
}

// laneWriters is what is kept under a lane. The same kind without a partition marks a job whose writers are noted.
type laneWriters struct{ Nodes []partition.NodeID }

// noteWriter remembers that a node may write a lane from now on. Older programs do not, so it begins with the version that brings
// it; jobs from before stay without.
func (t *tx) noteWriter(s SliceState, node partition.NodeID) {
	if s.Kind != partition.SliceFill || t.version() < writersSince {
		return
	}
	k := writersKey(s.lane())
	var w laneWriters
	t.read(k, &w)
	i, there := slices.BinarySearch(w.Nodes, node)
	if there {
		return
	}
	w.Nodes = slices.Insert(w.Nodes, i, node)
	t.write(k, &w)
}

// noteWriters marks a job whose writers are noted from its beginning.
func (t *tx) noteWriters(job partition.JobID) {
	if t.version() >= writersSince {
		t.write(key(kindWriters, ended(job)), &laneWriters{})
	}
}

// writers reads who may have written the partitions of cs.
func (t *tx) writers(job partition.JobID, cs []Comparison) Writers {
	w := Writers{Known: t.read(key(kindWriters, ended(job)), &laneWriters{})}
	for _, c := range cs {
		var l laneWriters
		if t.read(writersKey(partition.Lane{Job: job, Partition: c.Partition}), &l) {
			w.Lanes = append(w.Lanes, LaneWriters{Partition: c.Partition, Nodes: l.Nodes})
		}
	}
	slices.SortFunc(w.Lanes, func(a, b LaneWriters) int { return int(a.Partition) - int(b.Partition) })
	return w
}

// Writers returns who may have written the partitions of a job.
func (v *View) Writers(job partition.JobID) (w Writers, err error) {
	if v.err != nil {
		return w, v.err
	}
	prefix := key(kindWriters, ended(job))
	for e, err := range v.scan(prefix, nil) {
		var l laneWriters
		if err == nil {
			err = unseal(e.key, e.value, &l)
		}
		if err != nil {
			return Writers{}, v.failed(err)
		}
		if len(e.key) == len(prefix) {
			w.Known = true
			continue
		}
		w.Lanes = append(w.Lanes, LaneWriters{Partition: int32(trailingNumber(e.key)), Nodes: l.Nodes})
	}
	return w, nil
}
