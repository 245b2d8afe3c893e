package offsetmap

import "fmt"

// Where a reader of the source goes on in the target. It has seen every record below some offset of the source and none at or above it:
// that is what a committed offset says. If both logs have one order there is one right place. If they have not, whoever sees nothing twice
// leaves something out, and whoever leaves nothing out sees something twice.

// Choice is how to choose.
type Choice string

const (
	// Replay leaves nothing out: it goes on at the first record that the reader is not known to have seen. What only the target has is
	// such a record.
	Replay Choice = "replay"
	// Resume leaves out nothing that the source has: it goes on behind the last record that the reader has seen, or at the first that it
	// has not, if that comes before. What only the target has and lies before is passed over, and counted.
	Resume Choice = "resume"
)

// ParseChoice reads what people write.
func ParseChoice(s string) (Choice, error) {
	if c := Choice(s); c == Replay || c == Resume {
		return c, nil
	}
	return "", fmt.Errorf("%q: want replay or resume", s)
}

// Landing is a place in the target, and what going on there means.
type Landing struct {
	Offset int64 `json:"offset"`
	// Again are records from Offset on that the reader has seen.
	Again int64 `json:"again"`
	// Unknown are records from Offset on that only the target has: whether the reader has seen them is not known.
	Unknown int64 `json:"unknown"`
	// Passed are records before Offset that only the target has. Replay passes none.
	Passed int64 `json:"passed"`
	// Lacking are records that the reader has not seen and the target does not have; Behind are those of them that come after the last
	// record that both have, as when a mirror has not caught up.
	Lacking int64 `json:"lacking"`
	Behind  int64 `json:"behind"`
	// Gone are offsets from the reader's on that the source has lost already: how many records were there is not known.
	Gone int64 `json:"gone"`
}

// Land returns where a reader that stands at an offset of the source goes on.
func (p *Partition) Land(at int64, choice Choice) Landing {
	fresh, behind, last := p.Target.To, p.Target.From, int64(-1)
	for r := range p.Runs.All() {
		last = r.Source + r.Count - 1
		seen := min(max(at-r.Source, 0), r.Count)
		if seen > 0 {
			behind = max(behind, r.Target+seen)
		}
		if seen < r.Count {
			fresh = min(fresh, r.Target+seen)
		}
	}
	var l Landing
	switch choice {
	case Resume:
		l.Offset = min(fresh, behind)
	default:
		l.Offset = fresh
		for o := range p.TargetOnly.All() {
			l.Offset = min(fresh, o)
			break
		}
	}
	for r := range p.Runs.All() {
		seen := min(max(at-r.Source, 0), r.Count)
		l.Again += min(max(r.Target+seen-max(r.Target, l.Offset), 0), seen)
	}
	for o := range p.TargetOnly.All() {
		if o < l.Offset {
			l.Passed++
		}
	}
	l.Unknown = p.TargetOnly.Len() - l.Passed
	for o := range p.SourceOnly.All() {
		if o >= at {
			l.Lacking++
			if o > last {
				l.Behind++
			}
		}
	}
	l.Gone = max(p.Source.From-at, 0)
	return l
}
