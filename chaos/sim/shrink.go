package sim

import (
	"slices"

	"backstitch/chaos/fault"
)

// Shrink looks for a smaller plan that breaks the same rule: without some of the faults, and without what is nobody's fault. It
// returns what is left when nothing more can go, and how many runs that took, at most limit.
func Shrink(broken Result, shelf *Shelf, limit int) (Result, int, error) {
	best, runs := broken, 0
	try := func(p Plan) (bool, error) {
		if runs >= limit {
			return false, nil
		}
		runs++
		res, err := Run(p, shelf, false)
		if err != nil || res.Violation == nil || res.Violation.Rule != best.Violation.Rule {
			return false, err
		}
		best = res
		return true, nil
	}
	for progress := true; progress; {
		progress = false
		// Halves first, then single faults.
		for size := max(1, len(best.Plan.Faults)/2); size >= 1; size /= 2 {
			for from := 0; from < len(best.Plan.Faults); {
				p := best.Plan
				p.Faults = slices.Delete(slices.Clone(p.Faults), from, min(from+size, len(p.Faults)))
				ok, err := try(p)
				if err != nil {
					return best, runs, err
				}
				if progress = progress || ok; !ok {
					from += size
				}
			}
		}
		for _, simpler := range []func(*Plan) bool{
			func(p *Plan) bool { was := p.Rumours; p.Rumours = false; return was },
			func(p *Plan) bool { was := p.Operator; p.Operator = ""; return was != "" },
			func(p *Plan) bool { was := p.Jobs; p.Jobs = 1; return was > 1 },
			func(p *Plan) bool { was := p.Nodes; p.Nodes = 3; return was > 3 },
		} {
			p := best.Plan
			p.Faults = append([]fault.Fault(nil), p.Faults...)
			if !simpler(&p) {
				continue
			}
			ok, err := try(p)
			if err != nil {
				return best, runs, err
			}
			progress = progress || ok
		}
	}
	return best, runs, nil
}
