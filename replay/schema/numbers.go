package schema

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
)

// Numbered is a schema and what the registry calls it.
type Numbered struct {
	ID     uint32
	Schema string
}

// ErrRefers says that a schema can not be read alone.
var ErrRefers = errors.New("the schema refers to others")

// maxVersions bounds how many versions of a subject are asked for.
const maxVersions = 10_000

// Numbers returns the schemas of a subject with their numbers, deleted ones included: records that name them are still there. They are of
// type Avro. A version that refers to others is ErrRefers, since what it says is not known without them.
func (r *Registry) Numbers(ctx context.Context, subject string) ([]Numbered, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	ctx = sr.WithParams(ctx, sr.ShowDeleted)
	var versions []int
	err := r.ask(ctx, "subject "+subject, func(ctx context.Context) (err error) {
		versions, err = r.cl.SubjectVersions(ctx, subject)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(versions) > maxVersions {
		return nil, fmt.Errorf("subject %s of %s: %w: it has %d versions", subject, r.name, ErrNoAnswer, len(versions))
	}
	var out []Numbered
	for _, v := range versions {
		what := fmt.Sprintf("version %d of subject %s", v, subject)
		var s sr.SubjectSchema
		err := r.ask(ctx, what, func(ctx context.Context) (err error) {
			s, err = r.cl.SchemaByVersion(ctx, subject, v)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case s.Type != sr.TypeAvro:
			continue
		case len(s.References) > 0:
			return nil, fmt.Errorf("%s of %s: %w", what, r.name, ErrRefers)
		case s.Schema.Schema == "" || s.ID <= 0:
			return nil, fmt.Errorf("%s of %s: %w: its answer has no schema or no number in it", what, r.name, ErrNoAnswer)
		}
		out = append(out, Numbered{ID: uint32(s.ID), Schema: s.Schema.Schema})
	}
	return out, nil
}
