package check

import (
	"cmp"
	"fmt"
	"slices"
)

// Notice is one thing that happened and that somebody has to hear of.
type Notice struct {
	Index uint64 // of the log
	Job   string
	Kind  string // as the receiver calls it
}

// Telling is a message that an endpoint has, whether or not it could say so.
type Telling struct {
	Endpoint string
	ID       string
	Notice   Notice
}

// Told compares what endpoints got, in the order in which it came, with what happened. Each has to have everything at least once, the first
// time in the order of the log; what comes again has the id that it had, and nobody hears of what did not happen. repeats counts what
// came again: a run in which answers were lost has to have some.
func Told(happened []Notice, endpoints []string, got []Telling) (found Findings, repeats int, err error) {
	if len(happened) == 0 || len(endpoints) == 0 {
		return nil, 0, unfit("nothing happened, or nobody wants to hear of it")
	}
	truth := slices.Clone(happened)
	slices.SortFunc(truth, func(a, b Notice) int { return cmp.Compare(a.Index, b.Index) })
	for i := range truth[1:] {
		if truth[i].Index == truth[i+1].Index {
			return nil, 0, unfit("two things happened at index %d", truth[i].Index)
		}
	}
	ids, names := map[string]Notice{}, map[Notice]string{}
	for _, x := range got {
		if n, seen := ids[x.ID]; seen && n != x.Notice {
			found.add(Heard, x.Endpoint, "id %s is of %v and of %v", x.ID, n, x.Notice)
		}
		if id, seen := names[x.Notice]; seen && id != x.ID {
			found.add(Heard, x.Endpoint, "%v is told under %s and under %s", x.Notice, id, x.ID)
		}
		ids[x.ID], names[x.Notice] = x.Notice, x.ID
	}
	for _, e := range endpoints {
		var first []Notice // in the order in which it heard of them
		for _, x := range got {
			switch {
			case x.Endpoint != e:
			case slices.Contains(first, x.Notice):
				repeats++
			default:
				first = append(first, x.Notice)
			}
		}
		for i, n := range first {
			if !slices.Contains(truth, n) {
				found.add(Heard, e, "%v did not happen", n)
			}
			if i > 0 && n.Index < first[i-1].Index {
				found.add(Heard, e, "%v came behind %v", n, first[i-1])
			}
		}
		for _, n := range truth {
			if !slices.Contains(first, n) {
				found.add(Heard, e, "%v was never told", n)
			}
		}
	}
	return found, repeats, nil
}

func (n Notice) String() string { return fmt.Sprintf("%s of %s at %d", n.Kind, n.Job, n.Index) }
