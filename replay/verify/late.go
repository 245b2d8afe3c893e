package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"backstitch/replay/late"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
)

// Which records are late is frozen in a plan slice by slice. The proof does not take that from the plan: it reads what the target had before the
// job, then the reference in order and what the job wrote beside it, and expects each record to say what comes out.

// lateness compares how late the job's records say that they are with how late they are.
func (c *comparison) lateness(ctx context.Context) error {
	l, s := c.work.Recipe.Late, &c.work.Slice
	rule, err := l.Rule()
	if err != nil || rule == nil || len(s.Filled) == 0 {
		return err
	}
	planned, ok := l.Of(s.Partition)
	if !ok {
		c.unknown = "the plan does not say what is late in this partition: what records are to say can not be told"
		return nil
	}
	begin, err := c.begin(ctx, rule, planned)
	if err != nil || c.unknown != "" {
		return err
	}
	mark := &labels{c: c, mark: rule.Watermark(begin)}
	if err := mark.compare(ctx); err != nil {
		return err
	}
	if mark.late != planned.Records {
		c.unknown = fmt.Sprintf("the plan found %d late records, and the reference has %d of them now: what records are to say can not be told", planned.Records, mark.late)
		return nil
	}
	if c.mislabelled = mark.wrong; c.mislabelled > 1 {
		mark.first += fmt.Sprintf("; %d records in all do not say how late they are", mark.wrong)
	}
	if mark.first != "" {
		c.say(mark.first)
	}
	return nil
}

// begin is the mark of what the target had when the plan was made. It is the plan's where retention has taken a part of that since.
func (c *comparison) begin(ctx context.Context, rule *late.Rule, planned recovery.LatePart) (late.Mark, error) {
	is, from, err := late.Listen(c.work.Target, rule).Until(ctx, c.work.Slice.Partition, c.work.Slice.TargetTo)
	was := late.At(planned.HighestMs)
	switch {
	case err != nil:
		return was, err
	case same(is, was):
		return was, nil
	case from > planned.TargetFrom && same(is.Over(was), was):
		c.out.NotChecked = append(c.out.NotChecked, "the highest event time of the target before the job: retention has deleted where it was, and the plan's is taken")
		return was, nil
	}
	c.unknown = fmt.Sprintf("the plan saw %s as the highest event time of the target, and it is %s: what records are to say can not be told", markText(was), markText(is))
	return was, nil
}

func same(a, b late.Mark) bool { return markText(a) == markText(b) }

func markText(m late.Mark) string {
	if m.Ms() == nil {
		return "none"
	}
	return strconv.FormatInt(*m.Ms(), 10) + " ms"
}

// labels goes along the reference and what the job wrote, in step.
type labels struct {
	c     *comparison
	mark  *late.Watermark
	late  int64  // of the reference
	wrong int64  // of the target
	first string // of those
}

func (l *labels) compare(ctx context.Context) (err error) {
	c := l.c
	k := &class{c: c, ranges: c.work.Slice.Filled.Minus(c.left), from: c.work.Slice.TargetTo, to: c.to}
	ref, tgt, err := k.both(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ref.Close(), tgt.Close()) }()
	a, b := steps{r: ref}, steps{r: tgt, want: c.ours}
	defer a.release()
	defer b.release()
	meter := &meter{progress: c.cfg.Progress}
	defer meter.flush()
	found, err := b.next(ctx)
	if err != nil {
		return err
	}
	for {
		r, err := a.next(ctx)
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		meter.add(r.SizeUnder(c.fields))
		lateMs, _ := l.mark.See(r)
		if lateMs > 0 {
			l.late++
		}
		for found != nil {
			o, named := origin(found)
			if named && o > r.Offset {
				break // the job had no need to write r, or it is missing, which is said elsewhere
			}
			if named && o == r.Offset {
				l.judge(found, o, lateMs)
			} else {
				l.add(fmt.Sprintf("%s: the job wrote this record behind a later one, so how late it is to be can not be told", c.name(found.Offset)))
			}
			if found, err = b.next(ctx); err != nil {
				return err
			}
			if named && o == r.Offset {
				break
			}
		}
	}
	for ; found != nil; found, err = b.next(ctx) {
		l.add(fmt.Sprintf("%s: the job was not to write this record, so how late it is to be can not be told", c.name(found.Offset)))
	}
	return err
}

// judge looks at what a record says that is late by lateMs.
func (l *labels) judge(r *record.Record, origin int64, lateMs int64) {
	said, n := "", 0
	for i := range r.Headers {
		if r.Headers[i].Key == sink.LateHeader {
			said, n = string(r.Headers[i].Value), n+1
		}
	}
	want := strconv.FormatInt(lateMs, 10)
	at := fmt.Sprintf("%s: the record of reference offset %d", l.c.name(r.Offset), origin)
	switch {
	case n > 1:
		l.add(fmt.Sprintf("%s has %d headers %s", at, n, sink.LateHeader))
	case lateMs == 0 && n > 0:
		l.add(fmt.Sprintf("%s says that it is %.20s ms late, and is not late", at, said))
	case lateMs > 0 && n == 0:
		l.add(fmt.Sprintf("%s is %s ms late and does not say so", at, want))
	case lateMs > 0 && said != want:
		l.add(fmt.Sprintf("%s is %s ms late and says %.20s", at, want, said))
	}
}

func (l *labels) add(text string) {
	if l.wrong++; l.wrong == 1 {
		l.first = text
	}
}
