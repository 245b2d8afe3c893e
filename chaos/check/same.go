package check

import (
	"fmt"
	"maps"
	"slices"
)

// SameAs compares the result of a run with that of an undisturbed one: in each partition the same records, as often, and the
// refilled ones in the same order. Offsets may differ, because transactions end in records of their own.
func SameAs(undisturbed, disturbed Log) (Findings, error) {
	for _, l := range []Log{undisturbed, disturbed} {
		if err := l.fit(); err != nil {
			return nil, err
		}
	}
	if len(undisturbed.Truth()) == 0 {
		return nil, unfit("the undisturbed run left an empty topic")
	}
	var found Findings
	for _, p := range slices.Sorted(maps.Keys(undisturbed)) {
		where := fmt.Sprintf("partition %d", p)
		other := disturbed[p]
		if other == nil {
			found.add(Undisturbed, where, "it is not there")
			continue
		}
		want, got := Log{p: undisturbed[p]}, Log{p: other}
		if missing, extra := want.Truth().Difference(got.Truth()); missing+extra > 0 {
			found.add(Undisturbed, where, "%d records are missing and %d are extra", missing, extra)
			continue
		}
		if a, b := origins(undisturbed[p]), origins(other); !slices.Equal(a, b) {
			found.add(Undisturbed, where, "%d and %d refilled records, or in another order", len(a), len(b))
		}
	}
	for p := range disturbed {
		if undisturbed[p] == nil {
			found.add(Undisturbed, fmt.Sprintf("partition %d", p), "only the disturbed run has it")
		}
	}
	return found, nil
}

func origins(p *Part) (out []int64) {
	for _, r := range p.Records {
		if r.Refilled {
			out = append(out, r.Origin)
		}
	}
	return out
}
