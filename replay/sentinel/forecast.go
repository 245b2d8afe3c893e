package sentinel

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// State is what a group's place in a partition comes to. It is the word that output uses.
type State string

// The states, the worst first.
const (
	Lost     State = "lost"          // records that it had not read are gone
	Misled   State = "misled"        // its position is behind the end: the log is another one than it was
	AtRisk   State = "at risk"       // it will lose records soon
	Falling  State = "falling back"  // it will lose records, not soon
	Unknown  State = "unknown"       // too few samples
	Catching State = "catching up"   // it reads faster than records expire
	Current  State = "current"       // nothing is unread
	Endless  State = "never deleted" // the topic deletes nothing
)

// order is how States are sorted.
var order = []State{Lost, Misled, AtRisk, Falling, Unknown, Catching, Current, Endless}

// Window is from when to when something can happen, in Kafka milliseconds. ToMs is 0 when nothing bounds it.
type Window struct {
	FromMs int64 `json:"from"`
	ToMs   int64 `json:"to"`
}

// Outlook is what is ahead of one group in one partition.
type Outlook struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	State     State  `json:"state"`
	Committed int64  `json:"committed"`
	LogStart  int64  `json:"logStart"`
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`   // offsets; markers and holes are among them
	AgeMs     int64  `json:"ageMs"` // how old the oldest unread record is; NoTime when nothing is unread
	// Offsets per second over all samples. Measured is false with one sample, and then both are 0.
	Measured bool    `json:"measured"`
	Produced float64 `json:"producedPerSecond"`
	Consumed float64 `json:"committedPerSecond"`
	// Stopped is when loss begins if the group reads nothing from now on; nil when it does not begin by itself.
	Stopped *Window `json:"lossIfStopped,omitempty"`
	// Loss is when it begins at the rates that were seen; nil when it does not, or when there are too few samples.
	Loss   *Window `json:"loss,omitempty"`
	Reason string  `json:"reason"`
}

// Config says what counts as soon.
type Config struct {
	// Within is how far ahead a loss is a finding. A topic that keeps records for less than twice as long has half of its
	// retention instead: a group that has used up less than that is not at risk yet.
	Within time.Duration
}

// DefaultConfig leaves a day to act.
func DefaultConfig() Config { return Config{Within: 24 * time.Hour} }

// Forecast looks at samples of one cluster, oldest first. Outlooks are about what the last one has.
func Forecast(samples []Sample, cfg Config) (*Report, error) {
	if len(samples) == 0 {
		return nil, errors.New("forecast: no sample")
	}
	if cfg.Within <= 0 {
		return nil, fmt.Errorf("forecast: within %s: want a positive duration", cfg.Within)
	}
	for i := 1; i < len(samples); i++ {
		if samples[i].AtMs <= samples[i-1].AtMs {
			return nil, fmt.Errorf("forecast: sample %d is not younger than the one before: %d, %d ms", i, samples[i].AtMs, samples[i-1].AtMs)
		}
	}
	last := &samples[len(samples)-1]
	rep := &Report{AtMs: last.AtMs, Samples: len(samples), SpanMs: last.AtMs - samples[0].AtMs, Sample: *last, NotChecked: slices.Clone(last.NotChecked)}
	for _, group := range last.groups() {
		for _, c := range last.Groups[group].sorted() {
			topic, ok := last.Topics[c.Topic]
			part, has := topic.Partitions[c.Partition]
			if !ok || !has {
				rep.NotChecked = append(rep.NotChecked, fmt.Sprintf("group %s in %s: the cluster does not show this partition", group, name(c.Topic, c.Partition)))
				continue
			}
			p := &place{group: group, now: last.AtMs, commit: c, topic: topic, part: part, cfg: cfg}
			p.history(samples)
			out := p.outlook()
			rep.Outlooks = append(rep.Outlooks, out)
			rep.NotChecked = append(rep.NotChecked, p.notChecked...)
		}
	}
	slices.SortStableFunc(rep.Outlooks, compare)
	slices.Sort(rep.NotChecked)
	rep.NotChecked = slices.Compact(rep.NotChecked)
	rep.find()
	return rep, nil
}

// compare puts the worst first, and among equals what comes first.
func compare(a, b Outlook) int {
	return cmp.Or(
		cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)),
		cmp.Compare(soonest(a), soonest(b)),
		cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
	)
}

func soonest(o Outlook) int64 {
	switch {
	case o.Loss != nil:
		return o.Loss.FromMs
	case o.Stopped != nil:
		return o.Stopped.FromMs
	}
	return 1<<63 - 1
}
