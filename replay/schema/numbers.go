package schema

import (
	"context"
	"fmt"

	"backstitch/replay/schema/compat"

	"github.com/twmb/franz-go/pkg/sr"
)

// Numbered is a schema and what the registry calls it.
type Numbered struct {
	ID   uint32
	Text compat.Text // with what it refers to
}

// maxVersions bounds how many versions of a subject are asked for.
const maxVersions = 10_000

// Numbers returns the schemas of a subject with their numbers, deleted ones included: records that name them are still there. They are of
// type Avro.
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
	for _, n := range versions {
		what := fmt.Sprintf("version %d of subject %s", n, subject)
		var s sr.SubjectSchema
		err := r.ask(ctx, what, func(ctx context.Context) (err error) {
			s, err = r.cl.SchemaByVersion(ctx, subject, n)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case s.Type != sr.TypeAvro:
			continue
		case s.Schema.Schema == "" || s.ID <= 0:
			return nil, fmt.Errorf("%s of %s: %w: its answer has no schema or no number in it", what, r.name, ErrNoAnswer)
		}
		text, err := r.text(ctx, subject, s.Schema, 0)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", what, r.name, err)
		}
		out = append(out, Numbered{ID: uint32(s.ID), Text: text})
	}
	return out, nil
}
