package worker

import (
	"cmp"
	"slices"
	"strings"

	"backstitch/partition/share"
)

// maxWhy bounds what is told of why a job is held back: errors of brokers can be long.
const maxWhy = 512

// paces are what holds jobs back on this node beside budgets, by job.
func (js *jobs) paces() (out []share.Pace) {
	for _, j := range js.list() {
		s, on := j.governor.State()
		if !on || !s.Bounded() {
			continue
		}
		why := s.Text()
		if len(why) > maxWhy {
			why = strings.ToValidUTF8(why[:maxWhy], "") + "..."
		}
		out = append(out, share.Pace{
			Job: string(j.id), Rate: int64(s.Rate), Floor: s.FloorBytes, Binds: s.Held, Hurts: s.Now, Kind: s.Why.Kind.String(), Why: why,
		})
	}
	slices.SortFunc(out, func(a, b share.Pace) int { return cmp.Compare(a.Job, b.Job) })
	return out
}
