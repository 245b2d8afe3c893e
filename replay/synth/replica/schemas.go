package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
	"backstitch/replay/synth"

	"github.com/twmb/franz-go/pkg/sr"
)

// Schemas tells what records mean by the names of schemas. A value that names one is learnt from as what its schema says, so a schema that can
// not be had is an error: a profile that took such values for bytes would make a replica that nobody can read.
type Schemas struct {
	Registry *schema.Registry // nil where nobody is asked
	Topic    string           // of the values
	// Versions are those of AWS Glue's schemas, which nobody is asked for.
	Versions map[record.SchemaName]synth.Schema
	// Subjects of Registry are carried along with all their versions.
	Subjects []string
	// Likely are carried along, too, where the registry has them.
	Likely []string
}

// ErrNoSchema says that a schema can not be had.
var ErrNoSchema = errors.New("the schema can not be had")

// SchemaError is a record with a schema that can not be had, or of which no values can be made (synth.ErrKind).
type SchemaError struct {
	Name      record.SchemaName
	Partition int32
	Offset    partition.Offset
	Err       error
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s, which the value at p%02d offset %d names: %v", e.Name, e.Partition, e.Offset, e.Err)
}

func (e *SchemaError) Unwrap() error { return e.Err }

// meet gives the learner the schema that a record names, unless it knows it.
func (s *Schemas) meet(ctx context.Context, l *synth.Learner, p int32, r *record.Record) error {
	if s == nil {
		return nil
	}
	name, fresh := l.Names(r)
	if !fresh {
		return nil
	}
	found, err := s.schema(ctx, name)
	if err == nil {
		err = l.Meet(name, found)
	}
	if err != nil && ctx.Err() == nil {
		return &SchemaError{name, p, r.Offset, err}
	}
	return err
}

func (s *Schemas) schema(ctx context.Context, name record.SchemaName) (synth.Schema, error) {
	switch found, ok := s.Versions[name]; {
	case ok:
		return found, nil
	case name.Glue:
		return synth.Schema{}, fmt.Errorf("%w: no file was given for it, and AWS is not asked", ErrNoSchema)
	case s.Registry == nil:
		return synth.Schema{}, fmt.Errorf("%w: no registry was named", ErrNoSchema)
	}
	text, err := s.Registry.Named(ctx, name)
	if err != nil {
		return synth.Schema{}, fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	out := synth.Schema{Kind: Kind(text.Type), Text: textOf(text)}
	if name.ByGUID {
		return out, nil
	}
	usages, err := s.Registry.Usages(ctx, name.ID)
	if err != nil || len(usages) == 0 {
		return out, err
	}
	i := max(0, slices.IndexFunc(usages, func(u sr.SubjectVersion) bool { return u.Subject == schema.ValueSubject(s.Topic) }))
	out.Subject, out.Version = usages[i].Subject, usages[i].Version
	return out, nil
}

// carry gives the learner the versions of Subjects. One that records name by its number is there already.
func (s *Schemas) carry(ctx context.Context, l *synth.Learner) error {
	if s == nil {
		return nil
	}
	if s.Registry == nil {
		return nil
	}
	for i, subject := range slices.Concat(s.Subjects, s.Likely) {
		versions, err := s.Registry.All(ctx, subject)
		if errors.Is(err, schema.ErrUnknown) && i >= len(s.Subjects) {
			continue
		}
		if err != nil {
			return fmt.Errorf("subject %s: %w: %w", subject, ErrNoSchema, err)
		}
		for _, v := range versions {
			err := l.Carry(record.SchemaName{ID: uint32(v.ID)}, synth.Schema{Kind: Kind(v.Text.Type), Text: textOf(v.Text), Subject: subject, Version: v.Version})
			if err != nil {
				return fmt.Errorf("%s: %w", v.Name(), err)
			}
		}
	}
	return nil
}

// Kind is what a profile calls a type of a registry's schemas.
func Kind(t sr.SchemaType) string { return strings.ToLower(t.String()) }

func textOf(t compat.Text) synth.Text {
	out := synth.Text{Schema: t.Schema}
	for _, r := range t.References {
		out.References = append(out.References, synth.Reference{Name: r.Name, Text: textOf(r.Text)})
	}
	return out
}
