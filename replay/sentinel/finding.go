package sentinel

import (
	"fmt"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// Report is a forecast.
type Report struct {
	AtMs     int64     `json:"at"`
	Samples  int       `json:"samples"`
	SpanMs   int64     `json:"spanMs"` // from the first sample to the last
	Set      string    `json:"set"`    // stands for all findings
	Outlooks []Outlook `json:"outlooks"`
	Drift    []Drift   `json:"drift,omitempty"`
	// Findings are of kind at risk, and of kind missing where a group has lost records already.
	Findings   []gap.Finding `json:"findings"`
	NotChecked []string      `json:"notChecked,omitempty"`
	// Sample is the last one, so that the next forecast can be compared with this one.
	Sample Sample `json:"sample"`
}

// Count is how many places of groups are in a state.
func (r *Report) Count(s State) int {
	n := 0
	for _, o := range r.Outlooks {
		if o.State == s {
			n++
		}
	}
	return n
}

// AddDrift takes settings that are not what they were. Where records stay for less time than before, what the new settings have
// expired already is a finding: it goes with the broker's next check of its segment.
func (r *Report) AddDrift(drift []Drift) {
	r.Drift = append(r.Drift, drift...)
	r.find()
}

// find makes the findings anew.
func (r *Report) find() {
	r.Findings = nil
	for _, o := range r.Outlooks {
		r.ofGroup(o)
	}
	seen := map[string]bool{}
	for _, d := range r.Drift {
		if d.Shorter && !seen[d.Topic] {
			seen[d.Topic] = true
			r.ofTopic(d)
		}
	}
	r.Set = gap.Identify("forecast", r.Findings)
}

func (r *Report) ofGroup(o Outlook) {
	f := gap.Finding{
		Kind: gap.AtRisk, Topic: o.Topic, Partition: o.Partition, About: "group " + o.Group, Range: partition.Range{From: o.Committed, To: o.End},
		Count: o.Lag, Evidence: "E0", Reason: o.Reason,
	}
	switch o.State {
	case AtRisk:
		f.Cause = "the group is behind, and retention takes away what it has not read"
		f.HeldBy, f.UntilMs = "topic "+o.Topic, o.Loss.FromMs
		if o.Stopped != nil {
			f.UntilMs = min(f.UntilMs, o.Stopped.FromMs)
		}
	case Misled:
		f.Range, f.Count = partition.Range{From: o.LogStart, To: o.End}, o.End-o.LogStart
		f.Cause = "the topic was recreated or cut off"
		f.HeldBy = "topic " + o.Topic
	case Lost:
		f.Kind, f.Range, f.Count = gap.Missing, partition.Range{From: o.Committed, To: o.LogStart}, o.LogStart-o.Committed
		f.Cause = "retention overtook the group"
	default:
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) ofTopic(d Drift) {
	topic := r.Sample.Topics[d.Topic]
	for n := range int32(len(topic.Partitions)) {
		p := topic.Partitions[n]
		to := expired(p, topic.Retention)
		if to <= p.LogStart || !topic.Retention.Deletes() {
			continue
		}
		r.Findings = append(r.Findings, gap.Finding{
			Kind: gap.AtRisk, Topic: d.Topic, Partition: n, Range: partition.Range{From: p.LogStart, To: to}, Count: to - p.LogStart,
			FirstMs: max(p.OldestMs, 0), Evidence: "E0", HeldBy: "topic " + d.Topic, UntilMs: r.AtMs,
			Reason: "older than what the topic keeps now; the broker deletes it with its next check",
			Cause:  fmt.Sprintf("%s went from %s to %s", d.Setting, d.text(d.Was), d.text(d.Is)),
		})
	}
}

// expired is the first offset that stays. By size it is an estimate: offsets are taken to be of one size.
func expired(p PartitionSample, r Retention) int64 {
	to := p.ExpiredTo
	if r.Bytes != Unlimited && p.Bytes > r.Bytes && p.End > p.LogStart {
		each := float64(p.Bytes) / float64(p.End-p.LogStart)
		to = max(to, p.End-int64(float64(r.Bytes)/each))
	}
	return min(to, p.End)
}

func name(topic string, part int32) string { return gap.Name(topic, part) }
