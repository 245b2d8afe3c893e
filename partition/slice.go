package partition

import "fmt"

// SliceKind says what a slice does.
type SliceKind uint8

// The numbers are stored; never reuse one.
const (
	SliceFill   SliceKind = 1 // write the records of Ranges into the target
	SliceVerify SliceKind = 2 // read reference and target back and compare them
	SliceSurvey SliceKind = 3 // find out which partitions a scan has; of no partition itself
	SliceScan   SliceKind = 4 // compare one partition and write down what is missing; nothing is written anywhere
	SlicePlan   SliceKind = 5 // make a plan of what a scan found; of no partition itself, and nothing is written anywhere
)

// String returns the word that status output uses.
func (k SliceKind) String() string {
	switch k {
	case SliceFill:
		return "fill"
	case SliceVerify:
		return "verify"
	case SliceSurvey:
		return "survey"
	case SliceScan:
		return "scan"
	case SlicePlan:
		return "plan"
	}
	return fmt.Sprintf("slice kind %d", uint8(k))
}

// Reads reports whether a slice of that kind only looks for what is missing. It belongs to a scan, or makes a plan of what one found.
func (k SliceKind) Reads() bool { return k == SliceSurvey || k == SliceScan || k == SlicePlan }

// NoPartition is the Slice.Partition of a survey and of a plan.
const NoPartition int32 = -1

// Object is one file of an archive as the plan froze it. A worker that finds another ETag refuses the slice.
type Object struct {
	Key   string
	ETag  string // as the store returned it, quotes removed; for local files "size-mtimeNanos"
	Size  int64  // bytes as stored
	Base  Offset // position of the first record
	Count int64  // records in the object, or how many positions it spans if its records say theirs; -1 when it is not known
}

// Slice is the unit of work: one contiguous piece of one partition of one job, sized to take seconds to a few minutes.
type Slice struct {
	ID        SliceID
	Kind      SliceKind
	Partition int32  // of the reference and, unless the recipe has a rule for it, of the target; NoPartition of a survey or a plan
	Ranges    Ranges // exactly the positions to write (fill) or to compare (verify)
	Objects   []Object
	Records   int64 // how many records the plan counted in Ranges
	Bytes     int64 // their size in the reference, uncompressed: keys, values and headers
	// TargetFrom and TargetTo are the target partition's log start and last stable offset when the plan was made. A fill
	// slice looks for records that appeared at or after TargetTo; a verify slice reads the target from TargetFrom. Under a rule for partitions
	// they are numbers of a view of the whole target.
	TargetFrom int64
	TargetTo   int64
	// Filled is what the job itself will have written into this partition by the time a verify slice runs: the union of
	// the Ranges of its fill slices. Empty on fill slices.
	Filled Ranges
}

// Lane names the sequence of slices that must run one after the other.
type Lane struct {
	Job       JobID
	Partition int32
}

// Lane returns the lane of s.
func (s Slice) Lane() Lane { return Lane{Job: s.ID.Job, Partition: s.Partition} }
