package regroup

import (
	"fmt"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
)

// Options say how a plan from one topic to another is made.
type Options struct {
	Choice offsetmap.Choice
	// Missing moves the group also where the topic lacks records that it has not seen.
	Missing bool
	NowMs   int64
}

// Plan makes a plan from a map of From's offsets in To. The map has to be younger than s.
func (s *Seen) Plan(m *offsetmap.Map, opt Options) *Plan {
	p := s.begin(opt.NowMs)
	p.How = How{Choice: opt.Choice, By: m.By, NotChecked: m.NotChecked}
	for i := range m.Partitions {
		p.Parts = append(p.Parts, s.part(&m.Partitions[i], opt))
	}
	p.note()
	return p
}

func (s *Seen) begin(nowMs int64) *Plan {
	p := &Plan{Version: 1, MadeMs: nowMs, Group: s.Group, From: s.From, To: s.To}
	if s.active != "" {
		p.Notes = append(p.Notes, Note{NoteMembers, fmt.Sprintf("the group is %s: stop its consumers before this is applied; what they commit until then makes the plan stale", s.active)})
	}
	return p
}

// commit is one of a map of them.
func commit(all map[int32]Commit, part int32) *Commit {
	if c, ok := all[part]; ok {
		return &c
	}
	return nil
}

func (s *Seen) part(m *offsetmap.Partition, opt Options) Part {
	p := Part{Partition: m.Partition, Stands: commit(s.stands, m.Partition), Before: commit(s.before, m.Partition), Offset: -1}
	if p.Stands == nil {
		p.Why = "the group has no position there: its consumers begin where auto.offset.reset says, as before"
		return p
	}
	at := p.Stands.Offset
	cannot := func(format string, args ...any) Part {
		p.Cannot, p.Why = true, fmt.Sprintf(format, args...)
		return p
	}
	switch {
	case m.Broken != "":
		return cannot("not mapped: %s", m.Broken)
	case at > m.Source.To:
		return cannot("its position %d lies behind the end of %s, %d: it belongs to another log", at, s.From.Topic, m.Source.To)
	case m.Runs.Pairs() == 0 && m.SourceRecords()+m.TargetRecords() > 0:
		return cannot("nothing was compared: %s and %s have no record in common there, of %s and %s", s.From.Topic, s.To.Topic, gap.Count(m.SourceRecords()), gap.Count(m.TargetRecords()))
	}
	l := m.Land(at, opt.Choice)
	p.Landing = &l
	if l.Lacking > 0 && !opt.Missing {
		return cannot("%s lacks %s that the group has not seen%s", s.To.Topic, gap.Plural(l.Lacking, "record"), behind(l))
	}
	p.lands(l, m.Target, opt.Choice)
	return p
}

// lands sets the new position, and says why there.
func (p *Part) lands(l offsetmap.Landing, target partition.Range, choice offsetmap.Choice) {
	p.Landing, p.Offset = &l, l.Offset
	p.Why = "the first record that it is not known to have seen"
	if choice == offsetmap.Resume {
		p.Why = "behind what it has seen"
	}
	if l.Offset == target.To {
		p.Why = "the end: it has seen all there is"
	}
}

// behind says which part of what is lacking may still come.
func behind(l offsetmap.Landing) string {
	if l.Behind == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of them newer than what both have: not copied yet?", gap.Count(l.Behind))
}

// note says what the parts mean together.
func (p *Plan) note() {
	var sum offsetmap.Landing
	for i := range p.Parts {
		if l := p.Parts[i].Landing; l != nil && p.Parts[i].Offset >= 0 {
			sum.Again += l.Again
			sum.Unknown += l.Unknown
			sum.Passed += l.Passed
			sum.Lacking += l.Lacking
			sum.Behind += l.Behind
			sum.Gone += l.Gone
		}
	}
	if len(p.moves()) > 0 {
		for _, s := range p.Stood {
			sum.Lacking, sum.Behind, sum.Gone = sum.Lacking+s.Lacking, sum.Behind+s.Behind, sum.Gone+s.Gone
		}
	}
	say := func(n int64, code, format string, args ...any) {
		if n > 0 {
			p.Notes = append(p.Notes, Note{code, fmt.Sprintf(format, args...)})
		}
	}
	maybe := ""
	if sum.Unknown > 0 {
		maybe = fmt.Sprintf(", and %s that only %s has may be", gap.Count(sum.Unknown), p.To.Topic)
	}
	say(sum.Again+sum.Unknown, NoteAgain, "%s will be seen again%s: the consumers have to take that", gap.Plural(sum.Again, "record"), maybe)
	say(sum.Lacking, NoteMissing, "%s that the group has not seen are not in %s%s: it never will see them there", gap.Plural(sum.Lacking, "record"), p.To.Topic, behind(sum))
	say(sum.Passed, NotePassed, "%s that only %s has lie before the new positions: the group will not see them", gap.Plural(sum.Passed, "record"), p.To.Topic)
	say(sum.Gone, NoteGone, "%s of %s that the group had yet to read are gone, by retention most likely: which records of %s those were is not known", gap.Plural(sum.Gone, "offset"), p.From.Topic, p.To.Topic)
}

// Rewind makes a plan back in time, inside one topic. at are by partition the first offsets of that time, as Kafka finds them: no record
// before is as young. A group is never set forward.
func (s *Seen) Rewind(ms int64, at map[int32]int64, nowMs int64) *Plan {
	p := s.begin(nowMs)
	p.How = How{TimeMs: ms}
	var back int64
	for _, n := range s.log.Numbers() {
		part := Part{Partition: n, Stands: commit(s.stands, n), Before: commit(s.before, n), Offset: -1}
		offset, known := at[n]
		switch {
		case part.Stands == nil:
			part.Why = "the group has no position there: its consumers begin where auto.offset.reset says, as before"
		case !known:
			part.Cannot, part.Why = true, "Kafka does not say which offset that time has"
		case offset >= part.Stands.Offset:
			part.Why = "it stands before that time already"
		default:
			part.Offset, part.Back = offset, part.Stands.Offset-offset
			part.Why = "the first record of " + gap.Moment(ms) + " or later"
			back += part.Back
		}
		p.Parts = append(p.Parts, part)
	}
	if back > 0 {
		p.Notes = append(p.Notes, Note{NoteAgain, fmt.Sprintf("%s records at most will be seen again: the consumers have to take that", gap.Count(back))})
	}
	return p
}

// Check refuses a plan of which nothing can be done: it is none.
func (p *Plan) Check() error {
	moved, cannot := p.Count()
	if moved > 0 || cannot == 0 {
		return nil
	}
	var why []string
	for i := range p.Parts {
		if p.Parts[i].Cannot {
			why = append(why, gap.Name(p.From.Topic, p.Parts[i].Partition)+": "+p.Parts[i].Why)
		}
	}
	return &Error{Code: CodeNothing, Title: "no partition can be moved", Exit: exitIndeterminate, Why: strings.Join(why, "\n"),
		Hint: "look at both sides: backstitch offsets map --from " + p.From.Topic + " --to " + p.To.Topic + " --kafka " + p.From.Kafka}
}

// Partly is the error of a plan that leaves partitions out, nil for one that does not.
func (p *Plan) Partly() error {
	_, cannot := p.Count()
	if cannot == 0 {
		return nil
	}
	return &Error{Code: CodePartly, Title: gap.Plural(int64(cannot), "partition") + " can not be moved", Exit: exitPartly,
		Why:  "The group keeps the positions there that it has, or none: consumers of " + p.To.Topic + " then begin where auto.offset.reset says.",
		Hint: "read the reason beside each; --allow-missing moves it also where records are lacking"}
}
