package regroup

import (
	"backstitch/replay/offsetmap"
)

// PlanVersion is the newest version of plans that this program reads. It writes that only for a topic of other partitions (Plan.Stood), and 1 for all
// others, so that older programs read them.
const PlanVersion = 2

// Plan is what applying it will write, and what that was concluded from. It is not changed once it was made.
type Plan struct {
	Version int    `json:"version"`
	MadeMs  int64  `json:"madeMs"` // since 1970
	Group   string `json:"group"`
	From    Place  `json:"from"` // where the group's positions are known
	To      Place  `json:"to"`   // where it gets new ones; From itself for a plan back in time
	How     How    `json:"how"`
	Parts   []Part `json:"parts"` // by partition of To
	// Stood is where the group stands in From, by partition, when To has that topic's records in other partitions. Parts have no Stands then.
	Stood []Stood `json:"stood,omitempty"`
	Notes []Note  `json:"notes,omitempty"`
}

// Place is a topic of a Kafka cluster.
type Place struct {
	Kafka   string `json:"kafka"` // as it was named: a connection, or brokers
	Cluster string `json:"cluster,omitempty"`
	Topic   string `json:"topic"`
	TopicID string `json:"topicId"`
}

// same reports whether two places are one topic.
func (p Place) same(other Place) bool {
	return p.Cluster == other.Cluster && p.TopicID == other.TopicID && p.Topic == other.Topic
}

// How is what the new positions were concluded from.
type How struct {
	Choice     offsetmap.Choice `json:"choice,omitempty"` // of a plan from one topic to another
	By         offsetmap.By     `json:"by,omitempty"`
	NotChecked []string         `json:"notChecked,omitempty"`
	TimeMs     int64            `json:"timeMs,omitempty"` // of a plan back in time, in Kafka milliseconds
}

// Part is one partition.
type Part struct {
	Partition int32   `json:"partition"`
	Stands    *Commit `json:"stands"` // in From; null when the group has no position there
	Before    *Commit `json:"before"` // in To; null when it has none
	// Offset is the new position in To, -1 when the partition is left as it is.
	Offset int64 `json:"offset"`
	// Landing is what going on there means; nil where contents were not compared.
	Landing *offsetmap.Landing `json:"landing,omitempty"`
	// Back is how many offsets the group goes back, of a plan back in time: as many records at most.
	Back int64 `json:"back,omitempty"`
	// Why says for people why there, or why nothing is done.
	Why string `json:"why"`
	// Cannot says that the partition has to be moved and is not.
	Cannot bool `json:"cannot,omitempty"`
}

// Stood is one partition of a topic whose records lie in other partitions elsewhere.
type Stood struct {
	Partition int32   `json:"partition"`
	Stands    *Commit `json:"stands"` // null when the group has no position there: it has seen nothing of it
	// Lacking are records that the group has not seen and To does not have, Behind those of them behind all that it has, Gone offsets that it had
	// yet to read and From does not have any more.
	Lacking int64 `json:"lacking"`
	Behind  int64 `json:"behind"`
	Gone    int64 `json:"gone"`
}

// Commit is a committed position, with all that it takes to put it back.
type Commit struct {
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leaderEpoch"` // -1 when it does not say
	Metadata    string `json:"metadata,omitempty"`
}

// Note is what a person should know before.
type Note struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// after is the commit that a part will have.
func (p *Part) after() *Commit { return &Commit{Offset: p.Offset, LeaderEpoch: -1} }

// moves are what applying p changes. Where a group stands already it is left alone, with what it has written beside its position.
func (p *Plan) moves() []Move {
	var out []Move
	for i := range p.Parts {
		part := &p.Parts[i]
		if part.Offset >= 0 && (part.Before == nil || part.Before.Offset != part.Offset) {
			out = append(out, Move{Partition: part.Partition, Before: part.Before, After: part.after()})
		}
	}
	return out
}

// origin is where the group stands in From, of all partitions that the new positions were concluded from.
func (p *Plan) origin() []Stood {
	if p.Stood != nil {
		return p.Stood
	}
	var out []Stood
	for i := range p.Parts {
		if part := &p.Parts[i]; part.Offset >= 0 {
			out = append(out, Stood{Partition: part.Partition, Stands: part.Stands})
		}
	}
	return out
}

// Count is how many partitions are moved, and how many can not be.
func (p *Plan) Count() (moved, cannot int) {
	for i := range p.Parts {
		if p.Parts[i].Cannot {
			cannot++
		}
	}
	return len(p.moves()), cannot
}
