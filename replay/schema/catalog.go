package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/sr"
)

// Which name a registry has for a schema that is known by what it says. No registry is asked that in one question: a schema is looked up under
// a subject, and with references only by somebody who knows their subjects and versions there. So versions are read and their fingerprints
// compared. The trap: a number belongs to a context, and who reads records asks by number alone. A name counts only if the registry, asked
// by it, says the same schema.

// maxSubjects bounds how many subjects a registry is looked through for a schema that is under none of the likely ones.
const maxSubjects = 2000

// Catalog is a registry's versions by what they say, as far as it was looked through. It is safe for concurrent use.
type Catalog struct {
	reg *Registry

	mu       sync.Mutex
	subjects map[string][]Version
	all      []string // nil before they were asked for
}

// NewCatalog asks nothing yet.
func NewCatalog(reg *Registry) *Catalog { return &Catalog{reg: reg, subjects: map[string][]Version{}} }

// Find returns the versions that say what print stands for and that the registry gives when it is asked by their number, lowest number first,
// one for each number: those of the likely subjects or, if they have none, of all subjects that the registry lists. ErrUnknown when it has none.
func (c *Catalog) Find(ctx context.Context, print record.Print, likely ...string) ([]Version, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := c.among(ctx, print, likely)
	if err != nil || len(out) > 0 {
		return out, err
	}
	if c.all == nil {
		if c.all, err = c.reg.Subjects(ctx); err != nil {
			return nil, err
		}
	}
	if len(c.all) > maxSubjects {
		return nil, fmt.Errorf("%w: %s has it under none of %v, and has %d subjects, of which at most %d are looked through", ErrUnknown, c.reg.name, likely, len(c.all), maxSubjects)
	}
	if out, err = c.among(ctx, print, c.all); err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: none of the %d subjects of %s has it", ErrUnknown, len(c.all), c.reg.name)
	}
	return out, err
}

// among is Find for some subjects.
func (c *Catalog) among(ctx context.Context, print record.Print, subjects []string) ([]Version, error) {
	var out []Version
	for _, s := range subjects {
		versions, err := c.versions(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			if v.Print != print || slices.ContainsFunc(out, func(o Version) bool { return o.ID == v.ID }) {
				continue
			}
			said, err := c.reg.Says(ctx, record.SchemaName{ID: uint32(v.ID)}, print)
			if err != nil {
				return nil, err
			}
			if said {
				out = append(out, v)
			}
		}
	}
	slices.SortFunc(out, func(a, b Version) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// versions are those of a subject, none where there is no such subject. One that refers to what is not there any more says nothing.
func (c *Catalog) versions(ctx context.Context, subject string) ([]Version, error) {
	if known, ok := c.subjects[subject]; ok {
		return known, nil
	}
	out, err := c.reg.All(ctx, subject)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	c.subjects[subject] = out
	return out, nil
}

// All are the versions of a subject, oldest first, without those that refer to what is not there any more: ErrUnknown when there is no such
// subject.
func (r *Registry) All(ctx context.Context, subject string) ([]Version, error) {
	numbers, err := r.Versions(ctx, subject)
	if err != nil {
		return nil, err
	}
	if len(numbers) > maxVersions {
		return nil, fmt.Errorf("subject %s of %s: %w: it has %d versions", subject, r.name, ErrNoAnswer, len(numbers))
	}
	var out []Version
	for _, n := range numbers {
		v, err := r.Version(ctx, subject, n)
		switch {
		case errors.Is(err, ErrUnknown):
		case err != nil:
			return nil, err
		case v.ID > 0:
			out = append(out, v)
		}
	}
	return out, nil
}

// Subjects lists all of them, with those of other contexts as far as the registry lists them.
func (r *Registry) Subjects(ctx context.Context) ([]string, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	var out []string
	err := r.ask(ctx, "the list of subjects", func(ctx context.Context) (err error) {
		out, err = r.cl.Subjects(ctx)
		return err
	})
	slices.Sort(out)
	return slices.Clip(append([]string{}, out...)), err
}

// Says reports whether the registry, asked by name, says what print stands for. That it does not know the name is a no, and so is that it knows
// no GUIDs.
func (r *Registry) Says(ctx context.Context, name record.SchemaName, print record.Print) (bool, error) {
	err := r.Learn(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		return false, nil
	case err != nil && name.ByGUID && ctx.Err() == nil && !r.Down():
		return false, nil
	case err != nil:
		return false, err
	}
	known, _ := r.Known(name)
	return known == print, nil
}

// Down reports whether the registry has not answered, and is asked no more.
func (r *Registry) Down() bool {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.down != nil
}

// Usages are the versions of subjects that have a number, as the registry says it; none where it does not.
func (r *Registry) Usages(ctx context.Context, id uint32) ([]sr.SubjectVersion, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	var out []sr.SubjectVersion
	err := r.ask(ctx, fmt.Sprintf("the subjects of schema %d", id), func(ctx context.Context) (err error) {
		out, err = r.cl.SchemaVersionsByID(ctx, int(id))
		return err
	})
	if err != nil && ctx.Err() == nil && r.down == nil {
		return nil, nil // it is of help, and not every registry tells
	}
	slices.SortFunc(out, func(a, b sr.SubjectVersion) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return out, err
}
