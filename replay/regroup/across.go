package regroup

import (
	"fmt"

	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
)

// A topic that was written into another number of partitions. Where the group goes on in one of them hangs on where it stands in all of its own,
// and what the new topic lacks could have been in any: so either all of it moves, or nothing does.

// Stands are where the group stands in From, by partition: what a map across partitions is asked with.
func (s *Seen) Stands() map[int32]int64 {
	out := make(map[int32]int64, len(s.stands))
	for part, c := range s.stands {
		out[part] = c.Offset
	}
	return out
}

// PlanAcross makes a plan from what a map across partitions says of Stands. The map has to be younger than s.
func (s *Seen) PlanAcross(a *offsetmap.Across, opt Options) *Plan {
	p := s.begin(opt.NowMs)
	p.Version = PlanVersion
	p.How = How{Choice: opt.Choice, By: offsetmap.ByHeaders, NotChecked: []string{"contents: a record is the one that its headers name"}}
	why := s.across(p, a, opt)
	for i := range a.Targets {
		t := &a.Targets[i]
		part := Part{Partition: t.Partition, Before: commit(s.before, t.Partition), Offset: -1, Cannot: why != "", Why: why}
		if why == "" {
			part.lands(t.Landing, t.Range, opt.Choice)
		}
		p.Parts = append(p.Parts, part)
	}
	p.note()
	return p
}

// across writes down where the group stands, and returns why it can not be moved, "" when it can.
func (s *Seen) across(p *Plan, a *offsetmap.Across, opt Options) (why string) {
	if a.Named() == 0 {
		why = fmt.Sprintf("nothing was compared: no record of %s names a place in %s", s.To.Topic, s.From.Topic)
	}
	for i := range a.Sources {
		l := &a.Sources[i]
		st := Stood{Partition: l.Partition, Stands: commit(s.stands, l.Partition), Lacking: l.Lacking, Behind: l.Behind, Gone: l.Gone}
		p.Stood = append(p.Stood, st)
		name := gap.Name(s.From.Topic, l.Partition)
		switch {
		case why != "":
		case st.Stands != nil && st.Stands.Offset > l.Range.To:
			why = fmt.Sprintf("its position %d in %s lies behind the end of that, %d: it belongs to another log", st.Stands.Offset, name, l.Range.To)
		case l.Broken != "" && !opt.Missing:
			why = fmt.Sprintf("what %s lacks of %s is not known: %s", s.To.Topic, name, l.Broken)
		case l.Lacking > 0 && !opt.Missing:
			why = fmt.Sprintf("%s lacks %s of %s that the group has not seen%s", s.To.Topic, gap.Plural(l.Lacking, "record"), name,
				behind(offsetmap.Landing{Lacking: l.Lacking, Behind: l.Behind}))
		}
	}
	return why
}
