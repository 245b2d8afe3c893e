package group

import (
	"fmt"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/sentinel"
	"backstitch/replay/source"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reset is auto.offset.reset of the group's consumers: where they begin when their position is not in the log.
type Reset string

// The values of Reset. Kafka does not know it, so somebody has to say it.
const (
	ResetUnknown  Reset = ""
	ResetLatest   Reset = "latest"
	ResetEarliest Reset = "earliest"
)

// ParseReset reads a flag.
func ParseReset(s string) (Reset, error) {
	switch r := Reset(s); r {
	case ResetUnknown, ResetLatest, ResetEarliest:
		return r, nil
	}
	return "", fmt.Errorf("%q: want latest or earliest", s)
}

// Archive is a copy of one topic.
type Archive struct {
	Name    string // how people call it
	Source  source.Source
	Extents map[int32]gap.Extent
	TopicID string // of the topic that it is a copy of, "" when it does not say
}

// Input is what to look at.
type Input struct {
	Client *kgo.Client
	Group  string
	Topic  string // "" for every topic that the group has commits in
	Reset  Reset
	NowMs  int64
	// Archive is a copy of Topic; nil when there is none.
	Archive *Archive
}

// Place is one partition that the group reads.
type Place struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	Committed   int64  `json:"committed"`             // -1 for no position
	CommittedMs int64  `json:"committedAt,omitempty"` // 0 when the history does not say
	LogStart    int64  `json:"logStart"`
	End         int64  `json:"end"`
	Lag         int64  `json:"lag"`
	// KnownFromMs is the oldest commit that the history still has; 0 for none. What was before it is not known.
	KnownFromMs int64 `json:"knownFrom,omitempty"`
}

// Report is what was found.
type Report struct {
	Group      string        `json:"group"`
	State      string        `json:"state"`
	AtMs       int64         `json:"at"`
	Set        string        `json:"set"`
	Places     []Place       `json:"places"`
	Findings   []gap.Finding `json:"findings"`
	NotChecked []string      `json:"notChecked,omitempty"`
}

// log is one partition as it is now.
type log struct {
	topic     string
	part      int32
	id        string // of the topic, "" when it has none
	start     int64
	end       int64
	retention sentinel.Retention
}

// limited reports whether records go by themselves.
func (l *log) limited() bool {
	r := l.retention
	return r.Deletes() && (r.Ms != sentinel.Unlimited || r.Bytes != sentinel.Unlimited)
}

// skip is a range that the group did not read, or that it may not have read.
type skip struct {
	partition.Range
	cause  string
	reason string
}

// past is what the history has of one partition: its own commits, and the presence of members between them.
type past []kgroup.Event
