package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/sr"
)

// A subject's versions in another registry. What they refer to goes first, and versions go in their order, because a registry checks each against
// those before it. A version that is there already, by what it says, stays as it is. The trap: a version has another number there, and so may what it
// refers to. So a reference is sent with the version that the other registry gave.

// CopyStep is one version on its way.
type CopyStep struct {
	From    Version
	Subject string // in the other registry
	To      Version
	There   bool // the other registry had it already, as To
	Needed  bool // another version refers to it; it is no version of the subject that was asked for
}

// Copy is what is to be registered, in order.
type Copy struct {
	from, to *Registry
	Steps    []CopyStep
	have     map[string][]Version // of the other registry, by subject
	done     map[place]int        // steps by what they are of
}

// ErrReadBack says that a registry has something else than was sent, so names of the two do not mean the same.
var ErrReadBack = errors.New("the registry has another schema than was sent")

// PlanCopy finds out which versions of subject the registry to lacks under the subject as, with all that they refer to. That keeps its subjects, and
// goes along into the context of as where it is in the same one as subject. It writes nothing. ErrUnknown when there is no such subject.
func PlanCopy(ctx context.Context, from, to *Registry, subject, as string) (*Copy, error) {
	c := &Copy{from: from, to: to, have: map[string][]Version{}, done: map[place]int{}}
	numbers, err := from.Versions(ctx, subject)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		v, err := from.Version(ctx, subject, n)
		if err != nil {
			return nil, err
		}
		if err := c.add(ctx, v, as, false, 0); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// add puts v behind all that it refers to.
func (c *Copy) add(ctx context.Context, v Version, as string, needed bool, depth int) error {
	at := place{v.Subject, v.Version}
	if i, ok := c.done[at]; ok && c.Steps[i].Subject == as {
		c.Steps[i].Needed = c.Steps[i].Needed && needed
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("%s: %w: schemas refer to each other more than %d deep", v.Name(), ErrNoAnswer, maxDepth)
	}
	for _, ref := range absolute(v.Subject, sr.Schema{References: v.Refers}).References {
		to, err := c.from.Version(ctx, ref.Subject, ref.Version)
		if err != nil {
			return err
		}
		if err := c.add(ctx, to, moved(to.Subject, v.Subject, as), true, depth+1); err != nil {
			return err
		}
	}
	step := CopyStep{From: v, Subject: as, Needed: needed}
	have, err := c.versions(ctx, as)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(have, func(h Version) bool { return h.Print == v.Print }); i >= 0 {
		step.To, step.There = have[i], true
	}
	c.done[at] = len(c.Steps)
	c.Steps = append(c.Steps, step)
	return nil
}

// moved is where a subject goes that one in context of from refers to, which goes where as is: from within a context an unqualified subject is
// one of that context, so what is of the same context goes along.
func moved(subject, from, as string) string {
	space := contextOf(from)
	if contextOf(subject) != space {
		return subject
	}
	return contextOf(as) + strings.TrimPrefix(subject, space)
}

// versions are those that the other registry has under a subject.
func (c *Copy) versions(ctx context.Context, subject string) ([]Version, error) {
	if have, ok := c.have[subject]; ok {
		return have, nil
	}
	have, err := c.to.All(ctx, subject)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	c.have[subject] = have
	return have, nil
}

// Lacking is how many versions are to be registered.
func (c *Copy) Lacking() (n int) {
	for _, s := range c.Steps {
		if !s.There {
			n++
		}
	}
	return n
}

// Run registers what is lacking, one after the other, and reads each back: ErrRefused, ErrReadBack. What it registered before an error stays,
// and is found there when it is run again. told is called after each.
func (c *Copy) Run(ctx context.Context, told func(CopyStep)) error {
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.There {
			continue
		}
		sent, err := c.sent(s)
		if err != nil {
			return err
		}
		back, err := c.to.Register(ctx, s.Subject, sent)
		if err != nil {
			return fmt.Errorf("%s as a version of subject %s: %w", s.From.Name(), s.Subject, err)
		}
		// Asked by its number it has to be the same, too: that is how readers of records ask.
		said, err := c.to.Says(ctx, record.SchemaName{ID: uint32(back.ID)}, s.From.Print)
		if err != nil {
			return err
		}
		if back.Print != s.From.Print || !said {
			return fmt.Errorf("%w: %s of registry %s is not %s of registry %s to the byte; does it rewrite schemas (normalize)?", ErrReadBack, back.Name(), c.to.name, s.From.Name(), c.from.name)
		}
		s.To = back
		told(*s)
	}
	return nil
}

// sent is a version as the other registry is to have it.
func (c *Copy) sent(s *CopyStep) (sr.Schema, error) {
	out := s.From.Whole
	out.References = slices.Clone(s.From.Refers)
	for i, ref := range absolute(s.From.Subject, out).References {
		at, ok := c.done[place{ref.Subject, ref.Version}]
		if !ok || c.Steps[at].To.Version == 0 {
			return out, fmt.Errorf("%s refers to version %d of subject %s, which was not registered before it", s.From.Name(), ref.Version, ref.Subject)
		}
		out.References[i].Subject, out.References[i].Version = c.Steps[at].Subject, c.Steps[at].To.Version
	}
	return out, nil
}
