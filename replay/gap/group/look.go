package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sentinel"
	"backstitch/replay/source"
	"backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Look finds what a group never saw. A group that is not there is kgroup.ErrNoGroup.
func Look(ctx context.Context, in Input) (*Report, error) {
	l := &look{in: in}
	g, err := kgroup.Find(ctx, in.Client, in.Group)
	if err != nil {
		return nil, err
	}
	l.rep = &Report{Group: in.Group, State: g.State, AtMs: in.NowMs}
	commits, err := kgroup.Commits(ctx, in.Client, in.Group)
	if err != nil {
		return nil, err
	}
	commits = slices.DeleteFunc(commits, func(c kgroup.Commit) bool { return in.Topic != "" && c.Topic != in.Topic })
	if in.Topic != "" && len(commits) == 0 {
		l.miss("topic %s: the group has no commit in it, so nobody knows what it has read", in.Topic)
	}
	history, err := kgroup.ReadHistory(ctx, in.Client, in.Group)
	switch {
	case errors.Is(err, klog.ErrDenied), errors.Is(err, klog.ErrUnknownTopic):
		l.miss("the past: %s can not be read (READ), so only where the group stands now was looked at", kgroup.OffsetsTopic)
		history = &kgroup.History{}
	case err != nil:
		return nil, err
	case history.Unreadable > 0:
		l.miss("%s records of %s that could not be understood", gap.Count(history.Unreadable), kgroup.OffsetsTopic)
	}
	l.history = history
	for topic := range byTopic(commits) {
		if err := l.topic(ctx, topic, commits); err != nil {
			return nil, err
		}
	}
	if len(l.history.Events) > 0 {
		l.miss("what the application does by itself: one that seeks ahead leaves the same commits as one that reads")
	}
	l.rep.Set = gap.Identify("group "+in.Group, l.rep.Findings)
	return l.rep, nil
}

// byTopic yields the names of the topics, sorted as the commits are.
func byTopic(commits []kgroup.Commit) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i, c := range commits {
			if i > 0 && commits[i-1].Topic == c.Topic {
				continue
			}
			if !yield(c.Topic) {
				return
			}
		}
	}
}

// look is one group on its way to a Report.
type look struct {
	in      Input
	rep     *Report
	history *kgroup.History
}

func (l *look) miss(format string, args ...any) {
	l.rep.NotChecked = append(l.rep.NotChecked, fmt.Sprintf(format, args...))
}

func (l *look) topic(ctx context.Context, name string, commits []kgroup.Commit) error {
	t, err := klog.Watermarks(ctx, l.in.Client, name)
	if errors.Is(err, klog.ErrUnknownTopic) {
		l.miss("topic %s: it is not there any more, or not for this principal", name)
		return nil
	}
	if err != nil {
		return err
	}
	var retention sentinel.Retention
	values, _, err := klog.Settings(ctx, l.in.Client, name)
	switch {
	case errors.Is(err, klog.ErrDenied):
		l.miss("topic %s: its settings may not be seen (DescribeConfigs), so what retention took in the past is not known", name)
	case err != nil:
		return err
	default:
		if retention, err = sentinel.ParseRetention(values); err != nil {
			return fmt.Errorf("settings of topic %s: %w", name, err)
		}
	}
	src, err := kafka.New(l.in.Client, kafka.Config{Topic: name, ID: t.ID})
	if err != nil {
		return err
	}
	at := func(part int32, mark klog.Watermark) *place {
		p := &place{
			client: l.in.Client, src: src, now: l.in.NowMs, about: "group " + l.in.Group,
			log: log{topic: name, part: part, start: mark.LogStart, end: mark.LSO, retention: retention},
		}
		if t.ID != (klog.TopicID{}) {
			p.log.id = t.ID.String()
		}
		return p
	}
	known := map[int32]bool{}
	for _, c := range commits {
		if c.Topic != name {
			continue
		}
		known[c.Partition] = true
		mark, ok := t.Partitions[c.Partition]
		if !ok {
			l.miss("%s: the topic has no such partition any more", gap.Name(name, c.Partition))
			continue
		}
		p := at(c.Partition, mark)
		if a := l.in.Archive; a != nil && name == l.in.Topic {
			if a.TopicID == "" || p.log.id == "" || a.TopicID == p.log.id {
				p.archive = a
			} else {
				l.miss("%s: the archive is of another topic of the same name (id %s, now %s), so their offsets do not meet", gap.Name(name, c.Partition), a.TopicID, p.log.id)
			}
		}
		if err := l.place(ctx, p, c); err != nil {
			return fmt.Errorf("group %s in %s: %w", l.in.Group, gap.Name(name, c.Partition), err)
		}
	}
	for _, part := range t.Numbers() {
		if mark := t.Partitions[part]; !known[part] && mark.LogStart < mark.LSO {
			if err := l.unread(ctx, at(part, mark)); err != nil {
				return fmt.Errorf("group %s in %s: %w", l.in.Group, gap.Name(name, part), err)
			}
		}
	}
	return nil
}

// unread looks at a partition with records in which the group has no position, though it reads others of the topic: one that was
// added later, one that no member takes, or one whose position expired. Nobody's lag shows it.
func (l *look) unread(ctx context.Context, p *place) error {
	whole := partition.Range{From: p.log.start, To: p.log.end}
	s := skip{Range: whole, cause: "the partition was added after the consumers began, or nobody in the group reads it",
		reason: "the group has positions in other partitions of the topic, and none in this one; with auto.offset.reset=latest whoever takes it begins behind what is there"}
	if slices.ContainsFunc(l.history.Of(p.log.topic, p.log.part), func(e kgroup.Event) bool { return e.Kind == kgroup.Forgotten }) {
		s.cause = "its position had expired (offsets.retention.minutes) or was deleted"
	}
	f, err := p.piece(ctx, gap.AtRisk, s, whole)
	if err != nil || f.Count == 0 {
		return err // only markers and holes
	}
	l.rep.Places = append(l.rep.Places, Place{Topic: p.log.topic, Partition: p.log.part, Committed: -1, LogStart: p.log.start, End: p.log.end, Lag: whole.Len()})
	l.rep.Findings = append(l.rep.Findings, f)
	return nil
}

// place walks one partition.
func (l *look) place(ctx context.Context, p *place, now kgroup.Commit) error {
	events := l.history.Of(now.Topic, now.Partition)
	view := Place{
		Topic: now.Topic, Partition: now.Partition, Committed: now.Offset, LogStart: p.log.start, End: p.log.end,
		Lag: max(0, p.log.end-max(now.Offset, p.log.start)),
	}
	for _, e := range events {
		if e.Kind == kgroup.Committed {
			if view.KnownFromMs == 0 {
				view.KnownFromMs = e.AtMs
			}
			if e.Commit.Offset == now.Offset {
				view.CommittedMs = e.AtMs
			}
		}
	}
	l.rep.Places = append(l.rep.Places, view)
	w := &walk{log: &p.log, times: p, reset: l.in.Reset}
	if err := w.over(ctx, events, now); err != nil {
		return err
	}
	if w.assumed {
		l.miss("%s: whether the topic kept records for as long then as it does now (%s)", gap.Name(now.Topic, now.Partition), sentinel.Days(p.log.retention.Ms))
	}
	findings, err := p.findings(ctx, w, now)
	l.rep.Findings = append(l.rep.Findings, findings...)
	return err
}

// place is one partition with what can be read of it.
type place struct {
	client  *kgo.Client
	src     source.Source // the topic
	archive *Archive      // nil when there is none, or of another topic
	log     log
	now     int64
	about   string
}

func (p *place) at(ctx context.Context, ms int64) (int64, error) {
	found, err := klog.At(ctx, p.client, p.log.topic, map[int32]int64{p.log.part: max(0, ms)})
	if err != nil {
		return 0, err
	}
	s := found[p.log.part]
	if s.Offset < 0 {
		return p.log.end, nil
	}
	// A broker answers by the times of markers too, which are of the day on which they were written. A topic that was copied with
	// the times of its records has markers that are younger than everything.
	first := p.log.end
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: p.log.part, Ranges: partition.Ranges{{From: s.Offset, To: p.log.end}}}
	err = klog.Denied(each(ctx, p.src, slice, func(offset, at int64) bool {
		if at >= ms {
			first = offset
		}
		return at < ms
	}))
	if errors.Is(err, klog.ErrDenied) || errors.Is(err, source.ErrRetention) {
		return s.Offset, nil
	}
	return first, err
}

// archived is times.archived: what the topic has not any more from the archive, the rest from the topic. An archive without
// timestamps knows nothing about age.
func (p *place) archived(ctx context.Context, r partition.Range, f func(offset, ms int64) bool) (bool, error) {
	more := true
	next := func(offset, ms int64) bool {
		more = f(offset, ms)
		return more
	}
	if gone := (partition.Range{From: r.From, To: min(r.To, p.log.start)}); !gone.Empty() {
		if p.archive == nil || p.archive.Source.Fields()&record.FieldTimestamp == 0 {
			return false, nil
		}
		if held, err := p.copied(ctx, gone, next); err != nil || !held || !more {
			return held, err
		}
	}
	there := partition.Range{From: max(r.From, p.log.start), To: r.To}
	if there.Empty() {
		return true, nil
	}
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: p.log.part, Ranges: partition.Ranges{there}}
	switch err := klog.Denied(each(ctx, p.src, slice, next)); {
	case errors.Is(err, klog.ErrDenied), errors.Is(err, source.ErrRetention):
		return false, nil
	default:
		return err == nil, err
	}
}

// copied calls f for the archive's records in r. It reports whether the archive holds r and could be read.
func (p *place) copied(ctx context.Context, r partition.Range, f func(offset, ms int64) bool) (bool, error) {
	if !p.holds(r) {
		return false, nil
	}
	e := p.archive.Extents[p.log.part]
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: p.log.part, Objects: e.Objects, Ranges: partition.Ranges{r}}
	err := each(ctx, p.archive.Source, slice, f)
	var damaged *source.DamagedError
	if errors.As(err, &damaged) {
		return false, nil // what can not be read decides nothing
	}
	return err == nil, err
}

// holds reports whether the archive says that it has all of r.
func (p *place) holds(r partition.Range) bool {
	if p.archive == nil {
		return false
	}
	e, ok := p.archive.Extents[p.log.part]
	return ok && len(e.Damaged) == 0 && e.Range.From <= r.From && r.To <= e.Range.To
}

// each calls f for every record of a slice, until it returns false.
func each(ctx context.Context, src source.Source, slice partition.Slice, f func(offset, ms int64) bool) error {
	return source.Each(ctx, src, slice, func(r *record.Record) (bool, error) { return f(r.Offset, r.TimestampMs), nil })
}

// sortFindings puts them by topic, partition and place.
func sortFindings(fs []gap.Finding) {
	slices.SortStableFunc(fs, func(a, b gap.Finding) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Range.From, b.Range.From))
	})
}
