package check

import (
	"errors"
	"fmt"
	"strings"
)

// Promise names what was broken.
type Promise string

// Promises.
const (
	Complete    Promise = "complete"     // no record is lost
	Once        Promise = "once"         // none is there twice, or was never made
	Ordered     Promise = "ordered"      // refilled records keep their order in each partition
	Faithful    Promise = "faithful"     // key, value, headers, timestamp and nulls are those of the original
	Fenced      Promise = "fenced"       // nothing of an owner is visible after the first write of its successor
	Behind      Promise = "behind"       // a checkpoint is never ahead of the data
	Agreed      Promise = "agreed"       // all members have the same book at the same index
	OneOwner    Promise = "one-owner"    // a slice has one owner at any index
	Kept        Promise = "kept"         // what was acknowledged is in every book
	Definite    Promise = "definite"     // every job ends in a defined state
	Linear      Promise = "linear"       // the control plane is linearizable
	Heard       Promise = "heard"        // whoever wants to hear of something does, in order, and of nothing else
	Undisturbed Promise = "undisturbed"  // the result is that of an undisturbed run
	NothingLeft Promise = "nothing-left" // no goroutine, descriptor, process or mount stays
)

// Finding is one broken promise.
type Finding struct {
	Promise Promise
	Where   string // a partition, a slice, a job, a member
	What    string
}

func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Promise, f.Where, f.What) }

// Findings are what a checker found, in the order of the evidence. None is a pass, when there is no error beside it.
type Findings []Finding

func (f *Findings) add(p Promise, where, format string, args ...any) {
	*f = append(*f, Finding{Promise: p, Where: where, What: fmt.Sprintf(format, args...)})
}

// maxShown bounds what String writes; a lost partition is a million findings.
const maxShown = 20

// String lists the first findings and counts the rest, "" for none.
func (f Findings) String() string {
	var b strings.Builder
	for i, x := range f {
		if i == maxShown {
			fmt.Fprintf(&b, "and %d more\n", len(f)-i)
			break
		}
		fmt.Fprintln(&b, x)
	}
	return b.String()
}

// Count counts the findings about one promise.
func (f Findings) Count(p Promise) int {
	n := 0
	for _, x := range f {
		if x.Promise == p {
			n++
		}
	}
	return n
}

// ErrEvidence says that the evidence can not be judged: it is empty, incomplete, or contradicts itself.
var ErrEvidence = errors.New("the evidence is not good enough")

func unfit(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrEvidence)
}
