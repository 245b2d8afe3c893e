package group

import (
	"context"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/sentinel"
)

// The walk goes over the commits of one partition, oldest first, and keeps two sets: what the group skipped for sure, and what it
// may have skipped. A step that is reading takes its range out of both: a group that was set back has read it after all.

// times is what a walk may ask about the age of records. It is satisfied by the topic and an archive, and by tests.
type times interface {
	// at is the first offset that is in the topic now and whose record is not older than ms.
	at(ctx context.Context, ms int64) (int64, error)
	// archived calls f for the records in r, in order, until it returns false: from an archive what the topic has not any more. It
	// reports whether somebody holds r, as far as f wanted it.
	archived(ctx context.Context, r partition.Range, f func(offset, ms int64) bool) (bool, error)
}

// walk is one partition on its way to what was skipped.
type walk struct {
	log   *log
	times times
	reset Reset

	skipped   []skip
	undecided []skip
	assumed   bool // that retention was what it is now

	pos       *kgroup.Commit
	forgotten bool
	members   int
	present   bool  // presence is known
	peopled   bool  // the group has had members, as far as is known
	cameMs    int64 // when members came to a group without any, since the last commit; 0 when they did not
	normal    norm
}

// over walks the past and then looks at where the group is now.
func (w *walk) over(ctx context.Context, events past, now kgroup.Commit) error {
	w.normal = normalOf(events)
	w.peopled = slices.ContainsFunc(events, func(e kgroup.Event) bool { return e.Kind == kgroup.Presence && e.Members > 0 })
	for i := range events {
		switch e := &events[i]; e.Kind {
		case kgroup.Presence:
			if w.present && w.members == 0 && e.Members > 0 {
				w.cameMs = e.AtMs
			}
			w.present, w.members = true, e.Members
		case kgroup.Forgotten:
			w.forgotten = w.pos != nil
		case kgroup.Committed:
			if w.pos != nil {
				if err := w.step(ctx, w.pos, &e.Commit); err != nil {
					return err
				}
			}
			w.pos, w.forgotten, w.cameMs = &e.Commit, false, 0
		}
	}
	w.today(now)
	return nil
}

// step judges what lies between two commits.
func (w *walk) step(ctx context.Context, a, b *kgroup.Commit) error {
	whole := partition.Range{From: a.Offset, To: b.Offset}
	switch {
	case other(a.TopicID, b.TopicID), a.Offset > w.log.end && b.Offset <= w.log.end:
		return w.recreated(ctx, a, b)
	case whole.Empty():
		return nil // nothing new, or a step back
	case w.present && w.members == 0 && w.peopled:
		w.skip(whole, "its position was set forward by hand",
			fmt.Sprintf("the commit of %s at %s was made while the group had no members", gap.Count(b.Offset), gap.Moment(b.AtMs)))
		return nil
	case w.forgotten:
		there := max(whole.From, min(w.log.start, whole.To)) // the log did not begin later than it does now
		return w.anew(ctx, whole, whole.From, there, b, "its position had expired (offsets.retention.minutes) or was deleted")
	case a.Offset >= w.log.start || !w.log.limited():
		w.read(whole) // nothing took the record at a away, so the group was not thrown out
		return nil
	}
	return w.behind(ctx, whole, a, b)
}

// today looks at where the group is now.
func (w *walk) today(now kgroup.Commit) {
	if w.pos != nil && w.pos.Offset == now.Offset && now.TopicID == (klog.TopicID{}) {
		now.TopicID = w.pos.TopicID
	}
	start, end := w.log.start, w.log.end
	switch {
	case now.TopicID != (klog.TopicID{}) && w.log.id != "" && now.TopicID.String() != w.log.id:
		// Nothing of this log was read yet, whatever was skipped in the old one.
		w.skipped, w.undecided = nil, nil
		w.skip(partition.Range{From: start, To: min(now.Offset, end)}, "the topic was recreated",
			fmt.Sprintf("the group goes on at %s, a position of a topic of the same name with id %s; this one has id %s and was not read before there", gap.Count(now.Offset), now.TopicID, w.log.id))
		return
	case now.Offset < start:
		cause := "retention overtook the group"
		if !w.log.limited() {
			cause = "records were deleted (DeleteRecords)"
		}
		w.skip(partition.Range{From: now.Offset, To: start}, cause,
			fmt.Sprintf("the group stands at %s and the log begins at %s: what lies between is gone, and it has not read it", gap.Count(now.Offset), gap.Count(start)))
	}
	// What it has yet to read is not skipped. Below the log start it can not read it any more.
	ahead := partition.Range{From: max(now.Offset, start), To: max(end, now.Offset)}
	w.read(ahead)
}

// skip notes what was not read for sure.
func (w *walk) skip(r partition.Range, cause, reason string) {
	w.read(r) // it is not undecided any more
	if !r.Empty() {
		w.skipped = append(w.skipped, skip{r, cause, reason})
	}
}

// doubt notes what may not have been read.
func (w *walk) doubt(r partition.Range, cause, reason string) {
	if !r.Empty() {
		w.undecided = append(w.undecided, skip{r, cause, reason})
	}
}

// read takes a range out of both sets.
func (w *walk) read(r partition.Range) {
	w.skipped, w.undecided = without(w.skipped, r), without(w.undecided, r)
}

func without(list []skip, r partition.Range) []skip {
	if r.Empty() {
		return list
	}
	var out []skip
	for _, s := range list {
		for _, rest := range []partition.Range{{From: s.From, To: min(s.To, r.From)}, {From: max(s.From, r.To), To: s.To}} {
			if !rest.Empty() {
				s.Range = rest
				out = append(out, s)
			}
		}
	}
	return out
}

// other reports whether two ids are known and not the same.
func other(a, b klog.TopicID) bool { return a != klog.TopicID{} && b != klog.TopicID{} && a != b }

// norm is how a group commits when nothing is wrong: the median of its steps.
type norm struct {
	steps   int
	offsets int64
	pauseMs int64
}

func normalOf(events past) norm {
	var offsets, pauses []int64
	var last *kgroup.Commit
	for i := range events {
		if events[i].Kind != kgroup.Committed {
			continue
		}
		c := &events[i].Commit
		if last != nil && c.Offset > last.Offset {
			offsets, pauses = append(offsets, c.Offset-last.Offset), append(pauses, c.AtMs-last.AtMs)
		}
		last = c
	}
	if len(offsets) == 0 {
		return norm{}
	}
	slices.Sort(offsets)
	slices.Sort(pauses)
	return norm{steps: len(offsets), offsets: offsets[len(offsets)/2], pauseMs: pauses[len(pauses)/2]}
}

// How far from its median a step has to be to be remarked on, and how many steps make a median.
const (
	oddStep  = 20
	oddPause = 4
	oddSteps = 5
)

// odd reports whether a step does not look like the others. It decides only whether a step that can not be decided is worth a
// line, never that something is missing.
func (n norm) odd(a, b *kgroup.Commit, r sentinel.Retention) bool {
	pause, far := b.AtMs-a.AtMs, b.Offset-a.Offset
	if r.Ms != sentinel.Unlimited && pause >= r.Ms && (n.steps < oddSteps || pause > oddPause*n.pauseMs) {
		return true
	}
	return n.steps >= oddSteps && far > oddStep*n.offsets
}
