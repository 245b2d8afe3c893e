package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/schema"
	"backstitch/replay/spec"

	"github.com/twmb/franz-go/pkg/sr"
)

// Finding names while a plan reads. Questions are put one at a time: what several partitions meet at once is asked once.

// Bounds of what a plan meets.
const (
	maxNames    = 2000 // which are part of a recipe
	maxNameless = 1000 // names that stand for nothing: such parts are of another form
)

// remapper finds names while a plan is made. It satisfies rename.Learner.
type remapper struct {
	from, to *schema.Registry
	catalog  *schema.Catalog
	topic    string // of the target
	source   string // topic of the reference
	framed   [2]bool

	learning sync.Mutex // held while something is asked

	mu      sync.RWMutex
	met     map[record.SchemaName]found
	no      map[record.SchemaName]error
	lacking map[record.SchemaName]string // schemas that the target's registry does not have, with a subject of the source's
	torn    bool
	failed  error // why names can not be told
}

// found is a schema in the target's registry.
type found struct {
	rename.Entry
	subject string
	others  []record.SchemaName
}

var _ rename.Learner = (*remapper)(nil)

// remaps reports whether what is planned is written under the target's names.
func (b *builder) remaps() bool {
	k := b.spec.Spec.Target.Kafka
	return b.planning && k != nil && k.Schemas == spec.RemapSchemas
}

// learnNames opens both registries, and asks them whether keys begin with names.
func (b *builder) learnNames(ctx context.Context, clients Clients) (closer func(), err error) {
	closer = func() {}
	if !b.remaps() {
		return closer, nil
	}
	r := &remapper{topic: b.recipe.Target.Topic, source: b.recipe.Source.Topic, met: map[record.SchemaName]found{}, no: map[record.SchemaName]error{},
		lacking: map[record.SchemaName]string{}}
	if r.from, err = clients.Registry(b.recipe.Source.Registry); err != nil {
		return closer, err
	}
	if r.to, err = clients.Registry(b.recipe.Target.Registry); err != nil {
		r.from.Close()
		return closer, err
	}
	closer = func() {
		r.from.Close()
		r.to.Close()
	}
	r.catalog = schema.NewCatalog(r.to)
	for i, side := range []struct {
		reg   *schema.Registry
		topic string
	}{{r.from, r.source}, {r.to, r.topic}} {
		if r.framed[i], err = side.reg.HasSubject(ctx, schema.KeySubject(side.topic)); err != nil {
			closer()
			return func() {}, b.untold(ctx, err)
		}
	}
	b.names = r
	return closer, nil
}

// Keys is rename.Names's.
func (r *remapper) Keys() bool { return r.framed[0] || r.framed[1] }

// Entry is rename.Names's.
func (r *remapper) Entry(name record.SchemaName) (rename.Entry, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if f, ok := r.met[name]; ok {
		return f.Entry, nil
	}
	if err := r.no[name]; err != nil {
		return rename.Entry{}, err
	}
	return rename.Entry{}, rename.ErrNotMet
}

// Learn is rename.Learner's.
func (r *remapper) Learn(ctx context.Context, met rename.Met) error {
	if met.Key && !met.Header && r.framed[0] != r.framed[1] && !met.Name.ByGUID {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.torn = true
		return schema.ErrKeys
	}
	r.learning.Lock()
	defer r.learning.Unlock()
	if _, err := r.Entry(met.Name); !errors.Is(err, rename.ErrNotMet) {
		return nil
	}
	r.mu.RLock()
	failed := r.failed
	r.mu.RUnlock()
	if failed != nil {
		return failed
	}
	f, err := r.find(ctx, met)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var refused *nameless
	switch {
	case err == nil:
		r.met[met.Name] = f
		return nil
	case !errors.As(err, &refused):
		r.failed = err
		return err
	}
	if r.no[met.Name] = refused.err; refused.subject != "" {
		r.lacking[met.Name] = refused.subject
	}
	if len(r.no) > maxNameless {
		r.failed = fmt.Errorf("more than %d names of schemas stand for nothing in registry %s, so these parts are of another form", maxNameless, r.from.Name())
	}
	return r.failed
}

// nameless is a name that has none in the target.
type nameless struct {
	err     error
	subject string // of the source's registry, where that knows the schema
}

func (n *nameless) Error() string { return n.err.Error() }
func (n *nameless) Unwrap() error { return n.err }

// find asks both registries.
func (r *remapper) find(ctx context.Context, met rename.Met) (found, error) {
	name := met.Name
	err := r.from.Learn(ctx, name)
	switch {
	case err == nil:
	case name.ByGUID && !met.Header:
		// Any 17 bytes behind a 1 may stand there. Unless the registry can not be asked at all, this is no name of its.
		if said, serr := r.from.Says(ctx, name, record.Print{}); serr != nil || said {
			return found{}, serr
		}
		return found{}, &nameless{err: rename.ErrNoName}
	case errors.Is(err, schema.ErrUnknown):
		return found{}, &nameless{err: fmt.Errorf("registry %s has no such schema", r.from.Name())}
	default:
		return found{}, err
	}
	print, _ := r.from.Known(name)
	if same, err := r.to.Says(ctx, name, print); err != nil || same {
		return found{Entry: rename.Entry{To: name, Print: print}}, err
	}
	likely, err := r.likely(ctx, met)
	if err != nil {
		return found{}, err
	}
	versions, err := r.catalog.Find(ctx, print, likely...)
	if errors.Is(err, schema.ErrUnknown) {
		// The subject that the source's registry has it under comes last, unless there is none but the topic's.
		return found{}, &nameless{fmt.Errorf("registry %s does not have the schema: %w", r.to.Name(), err), likely[len(likely)-1]}
	}
	if err != nil {
		return found{}, err
	}
	return r.choose(ctx, name, print, versions)
}

// likely are the subjects under which the target's registry may have a schema.
func (r *remapper) likely(ctx context.Context, met rename.Met) ([]string, error) {
	subject := schema.ValueSubject
	if met.Key {
		subject = schema.KeySubject
	}
	out := []string{subject(r.topic)}
	own := subject(r.source)
	if !met.Name.ByGUID {
		usages, err := r.from.Usages(ctx, met.Name.ID)
		if err != nil {
			return nil, err
		}
		for _, u := range usages {
			if u.Subject != own {
				out = append(out, u.Subject)
			}
		}
		if len(usages) > 0 && !slices.ContainsFunc(usages, func(u sr.SubjectVersion) bool { return u.Subject == own }) {
			return out, nil
		}
	}
	return append(out, own), nil
}

// choose takes of versions that say the same the one whose text is the same to the byte, and of these the one of the lowest number.
func (r *remapper) choose(ctx context.Context, name record.SchemaName, print record.Print, versions []schema.Version) (found, error) {
	chosen := versions[0]
	if len(versions) > 1 {
		text, err := r.from.Named(ctx, name)
		if err != nil {
			return found{}, err
		}
		if i := slices.IndexFunc(versions, func(v schema.Version) bool { return v.Text.Schema == text.Schema }); i >= 0 {
			chosen = versions[i]
		}
	}
	out := found{Entry: rename.Entry{To: record.SchemaName{ID: uint32(chosen.ID)}, Print: print}, subject: chosen.Name()}
	for _, v := range versions {
		if v.ID != chosen.ID {
			out.others = append(out.others, record.SchemaName{ID: uint32(v.ID)})
		}
	}
	if !name.ByGUID || chosen.GUID == "" {
		return out, nil // a header holds numbers, too
	}
	guid, err := schema.ParseName(chosen.GUID)
	if err != nil {
		return out, nil
	}
	said, err := r.to.Says(ctx, guid, print)
	if said {
		out.others = append(out.others, out.To)
		out.To = guid
	}
	return out, err
}
