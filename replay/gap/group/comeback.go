package group

import (
	"context"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/sentinel"
)

// What happened to a group whose old position is not in the log any more. Whether it was there when the group came back depends
// on how old its record was, which only a copy of it can tell:
//
//	from          gone           there            head             to
//	 |-- expired, and a segment's --|-- may be gone --|-- not expired --|
//	     span and a check ago
//
// Everything before `gone` was deleted for sure, everything from `there` on was there for sure, and `head` is where the log ended.
// A group that is thrown out begins at the log's start (between gone and there) or at head, as auto.offset.reset says.

// behind judges a step from a position whose record is not in the topic any more.
func (w *walk) behind(ctx context.Context, whole partition.Range, a, b *kgroup.Commit) error {
	came, known := w.came(a)
	gone, there := whole.From, whole.From
	held := false
	if r := w.log.retention; known && r.Ms != sentinel.Unlimited {
		newest := int64(0)
		gone, there = whole.To, whole.To
		var err error
		held, err = w.times.archived(ctx, whole, func(offset, ms int64) bool {
			newest = max(newest, ms)
			// A broker deletes what is older than retention, not what is as old.
			if gone == whole.To && newest+r.Ms+r.Slack() >= came {
				gone = offset
			}
			if newest+r.Ms >= came {
				there = offset
				return false
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	odd := fmt.Sprintf("from %s to %s in one commit at %s, %s after the one before, and offset %s is not in the log any more",
		gap.Count(whole.From), gap.Count(whole.To), gap.Moment(b.AtMs), sentinel.Days(b.AtMs-a.AtMs), gap.Count(whole.From))
	switch {
	case held && there == whole.From:
		w.read(whole) // it found everything where it had left off
	case held && gone > whole.From:
		w.assumed = true
		return w.anew(ctx, whole, gone, there, b, fmt.Sprintf("retention overtook the group before it came back at %s", gap.Moment(came)))
	case w.normal.odd(a, b, w.log.retention):
		w.read(whole)
		w.doubt(whole, "retention may have overtaken the group", odd+"; it may have read them in time: an archive of the topic decides it")
	default:
		w.read(whole)
	}
	return nil
}

// came is when the group came back after commit a, and whether that is known.
func (w *walk) came(a *kgroup.Commit) (ms int64, known bool) {
	switch {
	case w.cameMs > 0:
		return w.cameMs, true
	case w.present && w.members > 0:
		return a.AtMs, true // it never left
	}
	return 0, false
}

// marginMs is by how much the clocks of producers and of a broker may differ before a record that was there when a group came
// back is taken for one that came after.
const marginMs = 5000

// anew judges a step of a group that had to begin anew: at the log's start, or where the log ended.
func (w *walk) anew(ctx context.Context, whole partition.Range, gone, there int64, b *kgroup.Commit, cause string) error {
	came := w.began(b)
	sure, err := w.head(ctx, whole, came-marginMs)
	if err != nil {
		return err
	}
	head, err := w.head(ctx, whole, came)
	if err != nil {
		return err
	}
	w.read(whole)
	reason := fmt.Sprintf("the group stood at %s, had to begin anew at %s, and committed %s at %s", gap.Count(whole.From), gap.Moment(came), gap.Count(whole.To), gap.Moment(b.AtMs))
	w.skip(partition.Range{From: whole.From, To: gone}, cause, reason+"; these were gone by then")
	left := partition.Range{From: gone, To: min(head, whole.To)}
	switch {
	case w.reset == ResetLatest:
		left.To = min(sure, whole.To)
		w.skip(left, cause+"; auto.offset.reset=latest", reason+"; it began where the log ended")
		w.doubt(partition.Range{From: max(left.To, gone), To: min(head, whole.To)}, cause+"; auto.offset.reset=latest", reason+"; these were written at about that moment")
	case w.reset == ResetEarliest, whole.To < sure:
		left.To = min(there, whole.To)
		w.doubt(left, cause, reason+"; these were expired, and may have been deleted or not")
	default:
		w.doubt(left, cause, reason+"; with auto.offset.reset=latest it has skipped these, with earliest it has read them: say which with --reset")
	}
	return nil
}

// began is when a group that had to begin anew did so, at the latest.
func (w *walk) began(b *kgroup.Commit) int64 {
	if w.cameMs > 0 {
		return w.cameMs
	}
	return b.AtMs
}

// head is where the log ended at a time. It may lie beyond whole; when the log does not reach back to then and nobody has a copy
// of whole, it is taken to be its end.
func (w *walk) head(ctx context.Context, whole partition.Range, ms int64) (int64, error) {
	now, err := w.times.at(ctx, ms)
	if err != nil || now > w.log.start {
		return max(now, whole.From), err
	}
	head := whole.To
	_, err = w.times.archived(ctx, whole, func(offset, at int64) bool {
		if at >= ms {
			head = offset
			return false
		}
		return true
	})
	return head, err
}

// recreated judges a step from a topic to another of the same name. What was skipped in the old one is of no use to anybody.
func (w *walk) recreated(ctx context.Context, a, b *kgroup.Commit) error {
	w.skipped, w.undecided = nil, nil
	if !other(a.TopicID, b.TopicID) {
		w.doubt(partition.Range{From: 0, To: b.Offset}, "the topic was recreated, or its log was cut off",
			fmt.Sprintf("the group stood at %s at %s, where this log has never been, and at %s at %s; what it read in between its commits do not tell", gap.Count(a.Offset), gap.Moment(a.AtMs), gap.Count(b.Offset), gap.Moment(b.AtMs)))
		return nil
	}
	cause := "the topic was recreated, and the group went on from its position in the old one"
	reason := fmt.Sprintf("commit of %s for topic id %s at %s, then of %s for topic id %s at %s", gap.Count(a.Offset), a.TopicID, gap.Moment(a.AtMs), gap.Count(b.Offset), b.TopicID, gap.Moment(b.AtMs))
	if came, known := w.came(a); known {
		// Did the new log reach up to the old position when the group came back? Then that was a position like any other.
		head, err := w.times.at(ctx, came)
		if err != nil {
			return err
		}
		if head >= a.Offset && b.Offset >= a.Offset {
			w.skip(partition.Range{From: 0, To: a.Offset}, cause, reason)
			return nil
		}
	}
	whole := partition.Range{From: 0, To: b.Offset}
	switch w.reset {
	case ResetEarliest:
	case ResetLatest:
		head, err := w.head(ctx, whole, w.began(b)-marginMs)
		if err != nil {
			return err
		}
		whole.To = min(whole.To, head)
		w.skip(whole, "the topic was recreated; auto.offset.reset=latest", reason)
	default:
		w.doubt(whole, "the topic was recreated", reason+"; with auto.offset.reset=latest it has skipped what came first, with earliest it has read it: say which with --reset")
	}
	return nil
}
