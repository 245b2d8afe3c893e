package sentinel

import "fmt"

// What is computed for one group in one partition. Two limits run beside each other, and the first that is reached counts:
//
// Time: the oldest unread record is t. It goes at the earliest at t + retention.ms. How fast a group gains is measured in the
// timestamps that it passes per unit of time: below 1, retention comes nearer by the difference.
//
// Bytes: the broker deletes the oldest segment as long as what remains is not less than retention.bytes. A record goes at the
// earliest when as much lies from it to the end of the log, and at the latest a segment more.
//
// Samples do not agree with each other, so the slowest pace that was seen gives the beginning of a window and the fastest its
// end.

// place is one group in one partition.
type place struct {
	group  string
	now    int64
	commit Commit
	topic  TopicSample
	part   PartitionSample
	cfg    Config

	steps      []step
	notChecked []string
}

// step is what happened between two samples.
type step struct {
	ms                 float64
	produced, consumed float64 // offsets
	passed             float64 // milliseconds of the timestamps that the group passed
}

// history takes what the samples have of this place. A topic that was recreated in between begins anew.
func (p *place) history(samples []Sample) {
	var before *Sample
	for i := range samples {
		s := &samples[i]
		topic, ok := s.Topics[p.commit.Topic]
		if _, has := s.commit(p.group, p.commit.Topic, p.commit.Partition); !ok || !has || topic.ID != p.topic.ID {
			before, p.steps = nil, nil
			continue
		}
		if before != nil {
			p.steps = append(p.steps, p.step(before, s))
		}
		before = s
	}
}

func (p *place) step(a, b *Sample) step {
	ca, _ := a.commit(p.group, p.commit.Topic, p.commit.Partition)
	cb, _ := b.commit(p.group, p.commit.Topic, p.commit.Partition)
	pa, pb := a.Topics[p.commit.Topic].Partitions[p.commit.Partition], b.Topics[p.commit.Topic].Partitions[p.commit.Partition]
	return step{
		ms: float64(b.AtMs - a.AtMs), produced: float64(pb.End - pa.End), consumed: float64(cb.Offset - ca.Offset),
		passed: float64(unread(cb, b.AtMs) - unread(ca, a.AtMs)),
	}
}

// unread is where in the timestamps the group is: at now when it has read everything.
func unread(c Commit, now int64) int64 {
	if c.UnreadMs == NoTime {
		return now
	}
	return min(c.UnreadMs, now)
}

func (p *place) outlook() Outlook {
	c, part := p.commit, p.part
	o := Outlook{
		Group: p.group, Topic: c.Topic, Partition: c.Partition, Committed: c.Offset, LogStart: part.LogStart, End: part.End,
		Lag: max(0, part.End-max(c.Offset, part.LogStart)), AgeMs: NoTime, Measured: len(p.steps) > 0,
	}
	if c.UnreadMs != NoTime && o.Lag > 0 {
		o.AgeMs = max(0, p.now-c.UnreadMs)
	}
	var ms float64
	for _, s := range p.steps {
		o.Produced, o.Consumed, ms = o.Produced+s.produced, o.Consumed+s.consumed, ms+s.ms
	}
	if ms > 0 {
		o.Produced, o.Consumed = o.Produced/ms*1000, o.Consumed/ms*1000
	}
	r := p.topic.Retention
	switch {
	case c.Offset > part.End:
		o.State = Misled
		o.Reason = fmt.Sprintf("it stands at %d and the log ends at %d: the topic was recreated or cut off, and where the group reads on is up to its auto.offset.reset", c.Offset, part.End)
		return o
	case c.Offset < part.LogStart:
		o.State = Lost
		o.Reason = fmt.Sprintf("offsets [%d,%d) are not in the log any more, and it has not read them", c.Offset, part.LogStart)
		if r.Known && !r.Deletes() {
			o.Reason += "; the topic deletes nothing by itself (cleanup.policy=" + r.Policy + ")"
		}
		return o
	case o.Lag == 0:
		o.State, o.Reason = Current, "it has read everything"
		return o
	case !r.Known:
		p.miss("when %s loses records: its settings could not be read", c.Topic)
		o.State, o.Reason = Unknown, "the settings of the topic could not be read"
		return o
	case !r.Deletes() || (r.Ms == Unlimited && r.Bytes == Unlimited):
		o.State, o.Reason = Endless, "cleanup.policy="+r.Policy
		if r.Deletes() {
			o.Reason += ", without a limit"
		}
		return o
	}
	p.judge(&o)
	return o
}

func (p *place) miss(format string, args ...any) {
	p.notChecked = append(p.notChecked, fmt.Sprintf(format, args...))
}

// judge computes the windows and says what they mean.
func (p *place) judge(o *Outlook) {
	o.Stopped = first(p.byTime(false), p.byBytes(false))
	if len(p.steps) == 0 {
		o.State, o.Reason = Unknown, "not enough samples: one does not show how fast it reads"
		return
	}
	o.Loss = first(p.byTime(true), p.byBytes(true))
	switch {
	case o.Loss == nil && o.Stopped == nil:
		o.State, o.Reason = Unknown, "neither the age of what is unread nor the size of the log is known"
	case o.Loss == nil:
		o.State, o.Reason = Catching, "it reads faster than records expire"
	case o.Loss.FromMs-p.now <= p.horizon():
		o.State, o.Reason = AtRisk, p.pace(o)
	default:
		o.State, o.Reason = Falling, p.pace(o)
	}
}

func (p *place) pace(o *Outlook) string {
	if o.Consumed == 0 {
		return "it stands still"
	}
	return "it reads more slowly than records expire"
}

// horizon is how near a loss has to be to be a risk.
func (p *place) horizon() int64 {
	within := p.cfg.Within.Milliseconds()
	if ms := p.topic.Retention.Ms; ms != Unlimited {
		within = min(within, ms/2)
	}
	return within
}

// byTime is when the age of the oldest unread record brings loss; nil when it does not.
func (p *place) byTime(moving bool) *Window {
	r := p.topic.Retention
	if r.Ms == Unlimited {
		return nil
	}
	if p.commit.UnreadMs == NoTime {
		p.miss("loss by retention.ms in %s: what is unread has no timestamp", name(p.commit.Topic, p.commit.Partition))
		return nil
	}
	margin := float64(p.commit.UnreadMs + r.Ms - p.now)
	slow, fast := 0.0, 0.0 // how many milliseconds of timestamps pass per millisecond
	if moving {
		slow, fast = p.pacesOf(func(s step) float64 { return s.passed })
	}
	return p.window(margin, margin+float64(r.Slack()), 1-slow, 1-fast)
}

// byBytes is when the size of the log brings loss; nil when it does not.
func (p *place) byBytes(moving bool) *Window {
	r := p.topic.Retention
	if r.Bytes == Unlimited {
		return nil
	}
	where := name(p.commit.Topic, p.commit.Partition)
	if p.part.Bytes == Unlimited || p.part.End <= p.part.LogStart {
		p.miss("loss by retention.bytes in %s: the brokers did not say how large it is (DescribeLogDirs)", where)
		return nil
	}
	each := float64(p.part.Bytes) / float64(p.part.End-p.part.LogStart)
	margin := float64(r.Bytes) - each*float64(p.part.End-p.commit.Offset)
	if len(p.steps) == 0 {
		if margin <= 0 {
			return p.window(0, 0, 1, 0)
		}
		p.miss("loss by retention.bytes in %s: not enough samples to know how fast it grows", where)
		return nil
	}
	slow, fast := p.pacesOf(func(s step) float64 {
		if moving {
			return s.consumed - s.produced
		}
		return -s.produced
	})
	return p.window(margin, margin+float64(max(r.SegmentBytes, 0)), -slow*each, -fast*each)
}

// pacesOf are the slowest and the fastest among the steps, per millisecond.
func (p *place) pacesOf(of func(step) float64) (slow, fast float64) {
	for i, s := range p.steps {
		v := of(s) / s.ms
		if i == 0 {
			slow, fast = v, v
		}
		slow, fast = min(slow, v), max(fast, v)
	}
	return slow, fast
}

// window turns margins and how fast they shrink, per millisecond, into times. What is used up already goes at any moment.
func (p *place) window(low, high, fastest, slowest float64) *Window {
	if low > 0 && fastest <= 0 {
		return nil
	}
	w := &Window{FromMs: p.now}
	if low > 0 {
		w.FromMs = p.now + clamp(low/fastest)
	}
	switch {
	case high <= 0:
		w.ToMs = p.now
	case slowest > 0:
		w.ToMs = p.now + clamp(high/slowest)
	}
	return w
}

// clamp keeps a quotient of nearly nothing within what a date can be: a thousand years.
func clamp(ms float64) int64 { return int64(min(ms, 1000*365*24*3600*1000)) }

// first is what comes first of two.
func first(a, b *Window) *Window {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	w := &Window{FromMs: min(a.FromMs, b.FromMs), ToMs: a.ToMs}
	if w.ToMs == 0 || b.ToMs != 0 && b.ToMs < w.ToMs {
		w.ToMs = b.ToMs
	}
	return w
}
