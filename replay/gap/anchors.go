package gap

import (
	"context"

	"backstitch/partition"
)

// Anchors are what tells whether something that was read before is still what is there, without reading it again. The scan itself
// does not look at them: they are for whoever keeps what a scan has read (replay/ledger).
type Anchors struct {
	// Comparison names both ends and how they are read, always in the same words. Another text is another comparison.
	Comparison string
	// Reference and Target are the logs behind the two sides; nil where a side is no log. A reference that is none is made of
	// the objects of Input.Extents.
	Reference, Target Log
	// Span is what positions an object of the reference can hold, where that can be told from the object alone; nil where not.
	Span func(partition.Object) partition.Range
}

// Log is a Kafka topic, by what vouches for its records.
type Log interface {
	State(ctx context.Context) (LogState, error)
	// EpochEnds says where the leader of a partition has leader epochs end.
	EpochEnds(ctx context.Context, part int32, epochs []int32) (map[int32]EpochEnd, error)
}

// LogState is a topic at one moment.
type LogState struct {
	Cluster       string // id, "" when it is not known
	Topic         string
	ID            string // topic id, "" or zeros when the brokers give none
	CleanupPolicy string // as Kafka spells it, "" when it is not known
	Partitions    map[int32]LogPart
}

// LogPart is one partition of it.
type LogPart struct {
	Start int64 // first offset that is still there
	End   int64 // last stable offset: everything below it is decided
	Epoch int32 // of the leader
}

// Ledger says how much of a scan was vouched for by what earlier ones had read, and how much was read.
type Ledger struct {
	Path           string `json:"path"`
	VouchedRecords int64  `json:"vouchedRecords"` // of both sides
	VouchedBytes   int64  `json:"vouchedBytes"`   // keys, values and headers of those records
	ReadRecords    int64  `json:"readRecords"`
	ReadBytes      int64  `json:"readBytes"`
	// Doubts say what was read although it is written down.
	Doubts []Doubt `json:"doubts,omitempty"`
	// NotKept says why nothing new was written down, "" when it was.
	NotKept string `json:"notKept,omitempty"`
}

// Doubt is why one side of one partition was not taken from a ledger, or a part of it was not.
type Doubt struct {
	Partition int32  `json:"partition"`
	Side      string `json:"side"` // "reference" or "target"
	Reason    string `json:"reason"`
}
