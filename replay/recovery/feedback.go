package recovery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/replay/feedback"
	"backstitch/replay/gap"
	"backstitch/replay/spec"
)

// Feedback says for whom a job slows down; nil is for its own target alone, with the default floor.
type Feedback struct {
	Off            bool     `json:"off,omitempty"`
	Groups         []string `json:"groups,omitempty"`         // of the target's Kafka
	MaxLagIncrease int64    `json:"maxLagIncrease,omitempty"` // records, of each of them
	LatencyMs      int64    `json:"latencyMs,omitempty"`      // that nine of ten produce requests may take; 0 does not look at it
	Replicas       bool     `json:"replicas,omitempty"`       // of the target's topic are to stay in sync
	Brokers        bool     `json:"brokers,omitempty"`        // that lead the target's topic answer as usual
	FloorBytes     int64    `json:"floorBytes,omitempty"`     // a second, on each node
}

// newFeedback is what a spec with its defaults says.
func newFeedback(t *spec.Throttle) (*Feedback, error) {
	if t == nil {
		return nil, nil
	}
	if t.Feedback == spec.FeedbackOff {
		return &Feedback{Off: true}, nil
	}
	floor, err := t.Floor.Parse()
	if err != nil {
		return nil, err
	}
	if t.Spare == nil && floor == feedback.DefaultFloor {
		return nil, nil // as every job does
	}
	out := &Feedback{FloorBytes: floor}
	if s := t.Spare; s != nil {
		lag, lagErr := s.MaxLagIncrease.Parse()
		latency, latencyErr := s.ProduceLatency.Parse()
		if err := errors.Join(lagErr, latencyErr); err != nil {
			return nil, err
		}
		out.Groups, out.MaxLagIncrease, out.LatencyMs = s.Groups, lag, latency.Milliseconds()
		out.Replicas, out.Brokers = s.Replicas, s.Brokers
	}
	return out, nil
}

// Rules are those that feedback goes by.
func (f *Feedback) Rules() feedback.Rules {
	if f == nil {
		return feedback.Rules{}
	}
	return feedback.Rules{
		Off: f.Off, MaxLagIncrease: f.MaxLagIncrease, ProduceLatency: time.Duration(f.LatencyMs) * time.Millisecond, FloorBytes: f.FloorBytes,
	}
}

// floor is what is left on each node in any case, in bytes a second; 0 for a job that does not slow down.
func (f *Feedback) floor() int64 {
	switch {
	case f == nil || !f.Off && f.FloorBytes == 0:
		return feedback.DefaultFloor
	case f.Off:
		return 0
	}
	return f.FloorBytes
}

// Text says for whom the job slows down.
func (f *Feedback) Text() string {
	if f != nil && f.Off {
		return "off: nothing but limits holds the job back"
	}
	when := []string{"slows down when the target refuses or delays requests"}
	if f != nil && len(f.Groups) > 0 {
		when = append(when, fmt.Sprintf("group %s falls behind by more than %s", strings.Join(f.Groups, " or "), gap.Plural(f.MaxLagIncrease, "record")))
	}
	if f != nil && f.LatencyMs > 0 {
		when = append(when, fmt.Sprintf("one produce request in ten takes longer than %s", time.Duration(f.LatencyMs)*time.Millisecond))
	}
	if f != nil && f.Replicas {
		when = append(when, "a replica falls out of sync")
	}
	if f != nil && f.Brokers {
		when = append(when, "a broker takes half as long again to answer as while the job rests")
	}
	if last := len(when) - 1; last > 0 {
		when[last] = "or " + when[last]
	}
	return strings.Join(when, ", ")
}

// spared makes sure that the groups are there that the job is to spare: one that is mistyped would be spared by nobody.
func (b *builder) spared(ctx context.Context, end End) error {
	f := b.recipe.Feedback
	grouped, ok := end.(Grouped)
	if !b.planning || f == nil || len(f.Groups) == 0 || !ok {
		return nil
	}
	missing, err := grouped.MissingGroups(ctx, f.Groups)
	switch {
	case err != nil:
		b.unasked = err.Error() // agents may have another principal
		return nil
	case len(missing) > 0:
		return &Error{Code: CodeNoGroup, Title: "a group that is to be spared is not there", Exit: exitNotFound,
			Why:  fmt.Sprintf("The target's Kafka has no consumer group %s, or does not show it to this principal. Nobody could see how far it is behind.", strings.Join(missing, ", ")),
			Hint: "check spec.throttle.spare.groups; kafka-consumer-groups --list shows those that there are"}
	}
	return nil
}

// groups notes that nobody knows whether they are there.
func (c *preflight) groups() {
	if c.b.unasked != "" {
		c.note(NoteUnseenGroups, "Whether the groups are there that the job is to spare is not known: "+c.b.unasked+". While agents do not see one, the job stays slow.")
	}
}

// muchBytes is what a few nodes write in some seconds: less is over before anybody has waited long.
const muchBytes = 1 << 30

// spared notes that the job goes as fast as it can until the brokers themselves object, which they do without quotas only once they are overrun.
func (c *preflight) spared() {
	f, t := c.p.Recipe.Feedback, &c.p.Target
	if t.Kind != "kafka" || c.p.Totals.Bytes < muchBytes || f != nil && (f.Off || f.Brokers || f.LatencyMs > 0 || len(f.Groups) > 0) {
		return
	}
	c.note(NoteNobodySpared, fmt.Sprintf("%s go to brokers that others may use, and nobody else is spared. With throttle: {spare: {brokers: true}} the job writes as much as they can take "+
		"and still answer as usual; backstitch throttle JOB --bytes 20MiB/s holds it to a rate while it runs.", gap.Size(c.p.Totals.Bytes)))
}

// atFloor is how long the plan takes one node that feedback holds to its floor all the time, in seconds; 0 where it holds nobody back.
func (p *Plan) atFloor() int64 {
	floor := p.Recipe.Feedback.floor()
	if floor == 0 {
		return 0
	}
	bytes, _ := p.paced()
	return max(p.Totals.HighSeconds, (bytes+floor-1)/floor)
}

// paced is what limits and feedback count: what is written, and what is read back of the target for the proof.
func (p *Plan) paced() (bytes, records int64) {
	bytes, records = p.Totals.Bytes, p.Totals.Records
	for _, s := range p.Slices {
		if s.Kind == partition.SliceVerify.String() {
			bytes, records = bytes+s.Bytes, records+s.Records
		}
	}
	return bytes, records
}

// under is how long the plan takes at least under limits, in seconds, and which of them it is, for people. What other jobs do under the same
// limit comes on top.
func (p *Plan) under(limits []Limit) (seconds int64, by string) {
	bytes, records := p.paced()
	for _, l := range limits {
		for _, u := range []struct {
			n, limit int64
			text     string
		}{{bytes, l.Bytes, gap.Size(l.Bytes) + "/s"}, {records, l.Records, gap.Count(l.Records) + " records/s"}} {
			if u.limit <= 0 {
				continue
			}
			if d := (u.n + u.limit - 1) / u.limit; d > seconds {
				seconds, by = d, fmt.Sprintf(" under the limit of %s of %s", u.text, l.Scope)
			}
		}
	}
	if seconds <= p.Totals.LowSeconds {
		return 0, ""
	}
	return seconds, by
}
