package anomaly

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/klog"
	"backstitch/replay/sentinel/baseline"
)

// everywhere stands for a finding that is not of one partition.
const everywhere int32 = -1

// Place is one measure, as it stands in the newest hour.
type Place struct {
	Name string `json:"name"`
	// Hours is how many were seen ever; baseline.WarmHours are, before one is judged.
	Hours int64              `json:"hours"`
	Now   baseline.Judgement `json:"now"`
}

// Report is what a look at a topic comes to.
type Report struct {
	Topic   string `json:"topic"`
	AtMs    int64  `json:"at"`
	FromMs  int64  `json:"from"` // of the hours that were read and counted
	ToMs    int64  `json:"to"`
	JudgeMs int64  `json:"judgedFrom"`
	Records int64  `json:"records"`
	Source  string `json:"source,omitempty"`
	Sources int    `json:"sources"`
	// Judged is how many places had an hour that was judged.
	Judged   int           `json:"judged"`
	Places   []Place       `json:"places"`
	Set      string        `json:"set"`
	Findings []gap.Finding `json:"findings"`
	// Unusual are the findings with their evidence.
	Unusual    []Unusual `json:"-"`
	NotChecked []string  `json:"notChecked,omitempty"`
	// State is what was learned before the hours that were judged, and with Input.Once of these, too.
	State *State `json:"-"`
}

// Unusual is a finding with its evidence.
type Unusual struct {
	gap.Finding
	SinceHour, UntilHour int64 // since 1970; UntilHour is left out
	More                 bool
	// New is by how much the hours of this look alone are off.
	New int64
	// Worst is the hour that is off most, of which Season says what it was held against; nil for a source.
	Worst  *baseline.Judgement
	Season string
}

// measure is a place and what it has had.
type measure struct {
	name  string
	part  int32
	kind  baseline.Kind
	noun  string
	count row
	of    row // of Shares
	begin int64
	low   string // the likely cause of fewer; "" where fewer are no finding
	high  string
}

// Look reads a topic and judges its newest hours.
func Look(ctx context.Context, in Input) (*Report, error) {
	if in.Hours == 0 {
		in.Hours = MaxHours
	}
	if err := in.validate(); err != nil {
		return nil, fmt.Errorf("anomalies of %s: %w", in.Topic, err)
	}
	t, err := klog.Watermarks(ctx, in.Client, in.Topic)
	if err != nil {
		return nil, klog.Denied(err)
	}
	id := fmt.Sprintf("%x", t.ID)
	if in.State != nil {
		if err := in.State.fits(&in, id); err != nil {
			return nil, err
		}
	}
	compacted, err := in.compacted(ctx)
	if err != nil {
		return nil, err
	}
	c, err := in.count(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, n := range t.Numbers() {
		if c.parts[n] == nil && in.State != nil && in.State.Series[gap.Name(in.Topic, n)] != nil {
			c.parts[n] = c.row() // it had records, and has none now
		}
	}
	rep, err := in.judge(c, id)
	if err == nil && compacted == unknown {
		rep.NotChecked = append(rep.NotChecked, "whether the topic is compacted, so that older hours have lost records: its settings may not be seen (DescribeConfigs)")
	}
	return rep, err
}

func (in *Input) judge(c *counts, id string) (*Report, error) {
	kept := max(c.end-int64(in.Judge), c.first) // findings are of hours from it on
	until := kept                               // hours before it go into the state
	if in.Once {
		until = c.end
	}
	rep := &Report{
		Topic: in.Topic, AtMs: in.NowMs, FromMs: c.first * hourMs, ToMs: c.end * hourMs, JudgeMs: kept * hourMs, Records: c.records, Source: in.source(), Findings: []gap.Finding{},
		State: &State{Format: stateFormat, Topic: in.Topic, ID: id, Source: in.source(), LateMs: in.Late.Milliseconds(), Zone: in.zone(), Last: until - 1, Next: c.next, Series: map[string][]byte{}, Trails: map[string][]Off{}},
	}
	var all []Unusual
	for _, m := range in.measures(c) {
		found, err := rep.measure(in, c, m, kept, until)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	rep.fold(all)
	if in.Source != nil {
		if err := rep.senders(in, c, until); err != nil {
			return nil, err
		}
	}
	for _, u := range rep.Unusual {
		rep.Findings = append(rep.Findings, u.Finding)
	}
	rep.notChecked(in, c)
	rep.Set = gap.Identify("anomalies "+in.Topic, rep.Findings)
	return rep, nil
}

// measures are the topic, what is counted of it, and its partitions.
func (in *Input) measures(c *counts) []measure {
	const (
		fewer = "producers send less, or what they send does not arrive"
		more  = "somebody replays, or producers send twice"
	)
	total := c.total()
	out := []measure{
		{name: "records", part: everywhere, noun: "records", count: total, low: fewer, high: more},
		{name: "nulls", part: everywhere, kind: baseline.Shares, noun: "records without a value", count: c.null, of: total, high: "producers delete more, or send nothing where there was something"},
	}
	if !c.appendTimes {
		out = append(out, measure{name: "late", part: everywhere, kind: baseline.Shares, noun: "late records", count: c.late, of: total, high: "producers had to wait or to retry, or somebody replays"})
	}
	for i, p := range in.Nulls {
		if len(c.fields) > 0 {
			out = append(out, measure{name: "nulls of " + p.String(), part: everywhere, kind: baseline.Shares, noun: "records without " + p.String(), count: c.fields[i], of: total, high: "producers leave the field out"})
		}
	}
	for _, n := range slices.Sorted(maps.Keys(c.parts)) {
		if in.Partitions > 0 && int(n) >= in.Partitions {
			break
		}
		m := measure{name: gap.Name(in.Topic, n), part: n, noun: "records", count: c.parts[n], low: fewer, high: more}
		if in.State == nil || in.State.Series[m.name] == nil {
			m.begin = c.begin[n] + 1
		}
		out = append(out, m)
	}
	return out
}

// measure judges the hours of one, keeps what was learned of those before until, and returns what is said of those from kept on.
func (r *Report) measure(in *Input, c *counts, m measure, kept, until int64) ([]Unusual, error) {
	s, err := in.State.series(m.name, m.kind)
	if err != nil {
		return nil, err
	}
	s.Tune(in.tuning())
	var said []baseline.Judgement
	judged := false
	for i, n := range m.count {
		hour := c.first + int64(i)
		if hour == until {
			if r.State.Series[m.name], err = s.MarshalBinary(); err != nil {
				return nil, err
			}
		}
		if hour < m.begin || hour <= s.Last() || in.Except != nil && in.Except(hour) {
			continue
		}
		o := baseline.Observation{Hour: hour, Count: float64(n)}
		if m.of != nil {
			o.Of = float64(m.of[i])
		}
		j, err := s.Observe(o)
		if err != nil {
			return nil, err
		}
		judged = judged || hour >= kept && j.State != baseline.Learning
		said = append(said, j)
	}
	if r.State.Series[m.name] == nil {
		if r.State.Series[m.name], err = s.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	p := Place{Name: m.name, Hours: s.Learned(), Now: baseline.Judgement{State: baseline.Learning}}
	if len(said) > 0 {
		p.Now = said[len(said)-1]
	}
	if judged {
		r.Judged++
	}
	r.Places = append(r.Places, p)
	var before []Off
	if in.Once {
		if in.State != nil {
			before = in.State.Trails[m.name]
		}
		r.State.Trails[m.name] = trail(before, said)
	}
	return m.findings(in, before, said, kept), nil
}

// findings are the alarms of a measure that go on, or went on, in hours from kept on.
func (m measure) findings(in *Input, before []Off, said []baseline.Judgement, kept int64) []Unusual {
	var out []Unusual
	for i := 0; i < len(said); {
		state, end := said[i].State, i
		for end < len(said) && said[end].State == state {
			end++
		}
		cause := ""
		switch state {
		case baseline.Low:
			cause = m.low
		case baseline.High:
			cause = m.high
		}
		if cause != "" && said[end-1].Hour >= kept {
			out = append(out, m.finding(in, cause, before, said[:end], i))
		}
		i = end
	}
	return out
}

// finding is of the alarm that was raised at a judgement, or before, and goes on to the last. Hours of earlier looks are in before.
func (m measure) finding(in *Input, cause string, before []Off, said []baseline.Judgement, at int) Unusual {
	alarm, last := said[at], said[len(said)-1]
	worst, off, fresh := alarm, 0.0, 0.0
	for _, o := range before {
		if o.Hour >= alarm.SinceHour {
			off += float64(o.Records)
		}
	}
	for _, j := range said {
		if j.Hour < alarm.SinceHour {
			continue
		}
		off += j.Count - j.Expected
		fresh += j.Count - j.Expected
		if math.Abs(j.Count-j.Expected) > math.Abs(worst.Count-worst.Expected) {
			worst = j
		}
	}
	word := map[baseline.State]string{baseline.Low: "fewer", baseline.High: "more"}[alarm.State]
	zone := time.UTC
	if in.Zone != nil {
		zone = in.Zone
	}
	f := gap.Finding{
		Kind: gap.Anomaly, Topic: in.Topic, Partition: m.part, About: m.name, Count: int64(math.Round(math.Abs(off))), Evidence: "E0", Cause: cause,
		FirstMs: alarm.SinceHour * hourMs, LastMs: (last.Hour + 1) * hourMs,
		Reason: fmt.Sprintf("%s than usual for %s: %s", word, gap.Plural(last.Hour-alarm.SinceHour+1, "hour"), worst.TextIn(m.noun, zone)),
	}
	if last.Relearned {
		f.Reason += "; it has lasted for so long that it counts as usual from now on"
	}
	return Unusual{
		Finding: f, SinceHour: alarm.SinceHour, UntilHour: last.Hour + 1, More: alarm.State == baseline.High, New: int64(math.Round(math.Abs(fresh))), Worst: &worst,
		Season: worst.Season(zone),
	}
}

// fold leaves out what partitions have in common with the topic, and names them there.
func (r *Report) fold(all []Unusual) {
	isTotal := func(f Unusual) bool { return f.About == "records" }
	for _, f := range all {
		if f.Partition == everywhere {
			if isTotal(f) {
				var names []string
				for _, p := range all {
					if p.Partition != everywhere && same(f, p) {
						names = append(names, p.About)
					}
				}
				if n := len(names); n > 8 {
					names = append(names[:8], fmt.Sprintf("%d more", n-8))
				}
				if len(names) > 0 {
					f.Reason += "; of the partitions: " + strings.Join(names, ", ")
				}
			}
			r.Unusual = append(r.Unusual, f)
			continue
		}
		if !slices.ContainsFunc(all, func(t Unusual) bool { return isTotal(t) && same(t, f) }) {
			r.Unusual = append(r.Unusual, f)
		}
	}
}

// same says whether two findings are of the same direction and time.
func same(a, b Unusual) bool {
	return a.Cause == b.Cause && a.FirstMs < b.LastMs && b.FirstMs < a.LastMs
}

// senders judges who has gone silent.
func (r *Report) senders(in *Input, c *counts, until int64) error {
	s, err := in.State.sources()
	if err != nil {
		return err
	}
	s.Tune(in.tuning())
	names := slices.SortedFunc(maps.Keys(c.ids), strings.Compare)
	for hour := c.first; hour < c.end; hour++ {
		if hour == until {
			if r.State.Sources, err = s.MarshalBinary(); err != nil {
				return err
			}
		}
		if hour <= s.Last() || in.Except != nil && in.Except(hour) {
			continue
		}
		now := map[string]int64{}
		for _, name := range names {
			if n := c.sources[c.ids[name]][hour-c.first]; n > 0 {
				now[name] = n
			}
		}
		if _, err := s.Observe(hour, now); err != nil {
			return err
		}
	}
	if r.State.Sources == nil {
		if r.State.Sources, err = s.MarshalBinary(); err != nil {
			return err
		}
	}
	r.Sources = s.Len()
	for _, q := range s.Silent() {
		f := gap.Finding{
			Kind: gap.Anomaly, Topic: in.Topic, Partition: everywhere, About: "source " + q.Name, Count: int64(math.Round(q.Missed)), Evidence: "E0",
			FirstMs: q.SinceHour * hourMs, LastMs: c.end * hourMs, Cause: "the source was switched off, or what it sends does not arrive",
			Reason: fmt.Sprintf("nothing since %s, while others go on: of it come %.2f %% of the records, so about %s were expected since; found after %s",
				gap.Moment(q.SinceHour*hourMs), 100*q.Share, gap.Count(int64(math.Round(q.Missed))), gap.Plural(q.Hour-q.SinceHour+1, "hour")),
		}
		r.Unusual = append(r.Unusual, Unusual{Finding: f, SinceHour: q.SinceHour, UntilHour: c.end})
	}
	return nil
}

func (r *Report) notChecked(in *Input, c *counts) {
	var young []string
	least := int64(baseline.WarmHours)
	for _, p := range r.Places {
		if p.Hours < baseline.WarmHours {
			young = append(young, p.Name)
			least = min(least, p.Hours)
		}
	}
	say := func(n int64, format string) {
		if n > 0 {
			r.NotChecked = append(r.NotChecked, fmt.Sprintf(format, gap.Plural(n, "record")))
		}
	}
	if len(young) > 0 {
		text := fmt.Sprintf("%s of %d, which %d hours were seen of at least; %d are needed", strings.Join(young[:min(len(young), 4)], ", "), len(r.Places), least, baseline.WarmHours)
		r.NotChecked = append(r.NotChecked, text+" (--state keeps what was learned, where retention is shorter)")
	}
	say(c.outside, "%s of other hours: before those that are read, or of one that is not over")
	say(c.own, "%s that a recovery has written: they are counted nowhere")
	say(c.nameless, "%s without a source")
	say(c.others, fmt.Sprintf("%%s of more sources than %d", in.maxSources()))
	if n := in.Partitions; n > 0 {
		over := 0
		for part := range c.parts {
			if int(part) >= n {
				over++
			}
		}
		if over > 0 {
			r.NotChecked = append(r.NotChecked, fmt.Sprintf("%s one by one, from number %d on: what is kept has no room for them", gap.Plural(int64(over), "partition"), n))
		}
	}
	if c.appendTimes {
		r.NotChecked = append(r.NotChecked, "how late records are: their times are the broker's (message.timestamp.type=LogAppendTime)")
	}
	if in.Source == nil {
		r.NotChecked = append(r.NotChecked, "sources that fall silent (--source)")
	}
}
