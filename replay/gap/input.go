package gap

import (
	"errors"

	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/storage/spill"
)

// Extent is what a reference says it holds of one partition.
type Extent struct {
	Range   partition.Range    // positions that it can hold
	Objects []partition.Object // of an archive, by Base; empty for a topic
	// Damaged is what a catalog found out already.
	Damaged []*source.DamagedError
	Unread  []Unread // objects that may hold records and are in a format that is not read
	Astray  []Astray // objects that lie under the directory of another time
	// Unlisted says why nothing of it is listed though there may be something, "" where the listing is the truth.
	Unlisted string
}

// Scope narrows a scan. The zero value takes everything.
type Scope struct {
	FromMs  int64           `json:"fromMs"` // by timestamp, half-open, in Kafka milliseconds; both zero for no limit
	ToMs    int64           `json:"toMs"`
	Offsets partition.Range `json:"offsets"` // by position in the reference; the zero value for no limit
}

// Timed reports whether the scope goes by timestamps.
func (s Scope) Timed() bool { return s.FromMs != 0 || s.ToMs != 0 }

// HasTime reports whether a record of that timestamp is in scope.
func (s Scope) HasTime(ms int64) bool { return !s.Timed() || (ms >= s.FromMs && ms < s.ToMs) }

// HasOffset reports whether a position of the reference is in scope.
func (s Scope) HasOffset(o partition.Offset) bool {
	return s.Offsets == (partition.Range{}) || s.Offsets.Contains(o)
}

// Clip returns the part of r that is in scope.
func (s Scope) Clip(r partition.Range) partition.Range {
	if s.Offsets != (partition.Range{}) {
		r.From, r.To = max(r.From, s.Offsets.From), min(r.To, s.Offsets.To)
	}
	return r
}

// Facts are what is known of both sides besides their records. They explain an absence, or rule an explanation out.
type Facts struct {
	CleanupPolicy string          `json:"cleanupPolicy"`  // of the target topic, as Kafka spells it; "" when it is not known
	Recreated     string          `json:"recreated"`      // "no", "yes" or "" for not known: whether the target has another topic id than the reference saw
	TargetStarts  map[int32]int64 `json:"targetStarts"`   // the log start of each target partition
	Cuts          map[int32][]Cut `json:"cuts,omitempty"` // what elections have cut off, where something is missing
	// Layout says how the layout of an archive was recognised, "" if it was named. Notes are what else was seen of it.
	Layout string   `json:"layout,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// Compacted reports whether the target may drop records for which there are newer ones.
func (f Facts) Compacted() bool {
	return f.CleanupPolicy == "compact" || f.CleanupPolicy == "compact,delete" || f.CleanupPolicy == "delete,compact"
}

// Input is what to compare.
type Input struct {
	Dataset string // how people call it: the target's topic
	// ReferenceTopic is what origin headers call the reference, so that its refilled copies are known.
	ReferenceTopic string
	Reference      source.Source
	Extents        map[int32]Extent // the partitions to scan
	Target         sink.Targets
	// Missing are partitions that the reference has and the target has not.
	Missing []int32
	// TargetFrom are offsets before which nothing of the target is in scope. It saves reading; a partition that is not in it is
	// read from its start.
	TargetFrom map[int32]int64
	// Faded are offsets of the target below which the reference may have dropped records by itself, e.g. a topic by retention:
	// what only the target has there is no finding. A partition that is not in it has none.
	Faded map[int32]int64
	Scope Scope
	Facts Facts
	// ReferenceSchemas and TargetSchemas tell the schemas that records of each side name; nil compares names of schemas as bytes. Set
	// both or none.
	ReferenceSchemas *schema.Side
	TargetSchemas    *schema.Side
	// Rendered says how values of the reference were made of what it holds, "" where they are what it holds: plain, json or confluent. Both
	// sides have to give records with their contents then, and not digests.
	Rendered string
	// Repeated says how many records of a partition Reference has left out as repetitions, once it was read; nil where it leaves none out.
	// Whole is the reference with them: what the target has of them it knows.
	Repeated func(part int32) int64
	Whole    source.Source
	// Redelivers says that one record may be in the reference more often than it was sent.
	Redelivers bool
}

// Config says how to scan.
type Config struct {
	Parallel int          // partitions at a time
	NewBag   match.NewBag // where unmatched records are kept; nil for memory
	// Spill is for what tells repetitions, one set per partition; the zero value is the system's temporary directory.
	Spill spill.Options
	// RunRecords is how many records in a row make a finding of their own. Shorter runs of a partition are one finding together.
	RunRecords int64
	// MaxFindings bounds the runs of one partition that become findings of their own.
	MaxFindings int
	// MaxRanges bounds the ranges that are listed of what one partition lacks, and of what it has too often. It is larger than what a plan
	// may have (plan.Limits.Parts), so that a list which is cut short never becomes a plan.
	MaxRanges int
	// Progress is told how far the scan is, from several goroutines; nil for nobody.
	Progress func(Progress)
}

// Progress is one step of a scan. Sum up the steps.
type Progress struct {
	Partition int32
	Records   int64 // read since the last step, both sides together
	Bytes     int64
	Done      bool // the partition is done
}

// bagBytes is what one bag keeps in memory. A scan has two per partition that it works on.
const bagBytes = 16 << 20

// DefaultConfig is good for a workstation. Unmatched records go to temporary files when there are many.
func DefaultConfig() Config {
	return Config{Parallel: 4, RunRecords: 100, MaxFindings: 1000, MaxRanges: 1 << 17, NewBag: match.Spill(spill.Options{MemoryBytes: bagBytes})}
}

// Validate reports what can not be meant.
func (c Config) Validate() error {
	if c.Parallel < 1 || c.RunRecords < 1 || c.MaxFindings < 1 || c.MaxRanges < 1 {
		return errors.New("scan: parallel, run length and numbers of findings and ranges must be at least 1")
	}
	return nil
}

// Fields is what both sides hold, and so what is compared.
func (in *Input) Fields() record.Fields { return in.Reference.Fields() & in.Target.Fields() }

// timed reports whether both sides hold timestamps.
func (in *Input) timed() bool { return in.Fields()&record.FieldTimestamp != 0 }
