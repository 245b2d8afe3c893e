package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"backstitch/replay/record"
	"backstitch/replay/schema/compat"

	"github.com/twmb/franz-go/pkg/sr"
)

// What a registry keeps of a subject: its versions, each with what it refers to, and the mode by which it takes new ones. The trap: a
// reference names a subject as seen from the schema that has it, so from within a context (":.name:") it stays there.

// ErrRefused says that a registry does not take a schema.
var ErrRefused = errors.New("the schema registry does not take the schema")

// Version is a schema as a subject has it.
type Version struct {
	Subject string       // as the registry calls it, with its context
	Version int          // from 1
	ID      int          // number in front of records
	GUID    string       // name in records' headers, "" of registries that have none
	Print   record.Print // what it says, whatever it is called
	Text    compat.Text  // with its references' texts
	Refers  []sr.SchemaReference
	Whole   sr.Schema // as the registry keeps it, with metadata and rules
}

// Name is what people call it.
func (v Version) Name() string { return v.Subject + "@" + strconv.Itoa(v.Version) }

// latestVersion is what the client wants for the latest.
const latestVersion = -1

// Versions lists the versions of a subject, oldest first: ErrUnknown when there is no such subject.
func (r *Registry) Versions(ctx context.Context, subject string) ([]int, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	var out []int
	err := r.ask(ctx, "subject "+subject, func(ctx context.Context) (err error) {
		out, err = r.cl.SubjectVersions(ctx, subject)
		return err
	})
	slices.Sort(out)
	return out, err
}

// Version asks for one version of a subject, 0 for the latest, and for all that it refers to.
func (r *Registry) Version(ctx context.Context, subject string, version int) (Version, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.version(ctx, subject, version)
}

func (r *Registry) version(ctx context.Context, subject string, version int) (Version, error) {
	what := fmt.Sprintf("version %d of subject %s", version, subject)
	if version <= 0 {
		version, what = latestVersion, "the latest version of subject "+subject
	}
	var found sr.SubjectSchema
	err := r.ask(ctx, what, func(ctx context.Context) (err error) {
		found, err = r.cl.SchemaByVersion(ctx, subject, version)
		return err
	})
	if err != nil {
		return Version{}, err
	}
	return r.described(ctx, what, found)
}

// described adds to a schema what it refers to and its fingerprint.
func (r *Registry) described(ctx context.Context, what string, found sr.SubjectSchema) (Version, error) {
	out := Version{Subject: found.Subject, Version: found.Version, ID: found.ID, GUID: found.GUID, Refers: found.References, Whole: found.Schema}
	text, err := r.text(ctx, found.Subject, found.Schema, 0)
	if err != nil {
		return out, fmt.Errorf("%s: %w", what, err)
	}
	print, err := r.print(ctx, what, absolute(found.Subject, found.Schema), 0)
	out.Text, out.Print = text, print.Print
	return out, err
}

// text resolves what a schema of a subject refers to.
func (r *Registry) text(ctx context.Context, subject string, s sr.Schema, depth int) (compat.Text, error) {
	out := compat.Text{Type: s.Type, Schema: s.Schema}
	if depth > maxDepth {
		return out, fmt.Errorf("%w: schemas refer to each other more than %d deep", ErrNoAnswer, maxDepth)
	}
	for _, ref := range absolute(subject, s).References {
		var found sr.SubjectSchema
		what := fmt.Sprintf("reference %q, version %d of subject %s", ref.Name, ref.Version, ref.Subject)
		err := r.ask(ctx, what, func(ctx context.Context) (err error) {
			found, err = r.cl.SchemaByVersion(ctx, ref.Subject, ref.Version)
			return err
		})
		if err != nil {
			return out, err
		}
		to, err := r.text(ctx, ref.Subject, found.Schema, depth+1)
		if err != nil {
			return out, err
		}
		out.References = append(out.References, compat.Reference{Name: ref.Name, Text: to})
	}
	return out, nil
}

// absolute is a schema whose references name their subjects with the context of the one that it is of.
func absolute(subject string, s sr.Schema) sr.Schema {
	space := contextOf(subject)
	s.References = slices.Clone(s.References)
	for i, ref := range s.References {
		if space != "" && !strings.HasPrefix(ref.Subject, ":") {
			s.References[i].Subject = space + ref.Subject
		}
	}
	return s
}

// contextOf is the part of a subject that says its context, ":.name:", "" for the default one.
func contextOf(subject string) string {
	if !strings.HasPrefix(subject, ":.") {
		return ""
	}
	end := strings.IndexByte(subject[1:], ':')
	if end < 0 {
		return ""
	}
	return subject[:end+2]
}

// Named asks for the schema that records call by a name, with what it refers to.
func (r *Registry) Named(ctx context.Context, name record.SchemaName) (compat.Text, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	s, err := r.schema(ctx, name)
	if err != nil {
		return compat.Text{}, err
	}
	return r.text(ctx, "", s, 0)
}

// Resolve asks for what a new schema of a subject is to refer to.
func (r *Registry) Resolve(ctx context.Context, subject string, t compat.Text, refs []sr.SchemaReference) (compat.Text, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.text(ctx, subject, sr.Schema{Type: t.Type, Schema: t.Schema, References: refs}, 0)
}

// Mode is how new versions of a subject have to go together with the earlier ones: what is configured for it, else for all.
func (r *Registry) Mode(ctx context.Context, subject string) (compat.Mode, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	mode, err := r.mode(ctx, "the compatibility of subject "+subject, subject)
	if errors.Is(err, ErrUnknown) { // a registry that does not know the parameter, and nothing configured for the subject
		return r.mode(ctx, "the compatibility of all subjects", sr.GlobalSubject)
	}
	return mode, err
}

func (r *Registry) mode(ctx context.Context, what, subject string) (compat.Mode, error) {
	var level sr.CompatibilityLevel
	err := r.ask(ctx, what, func(ctx context.Context) error {
		found := r.cl.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
		level = found.Level
		return found.Err
	})
	if err != nil {
		return "", err
	}
	mode, err := compat.ParseMode(level.String())
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w: its answer names no mode", what, r.name, ErrNoAnswer)
	}
	return mode, nil
}

// Lookup finds the version of a subject that says the same: ErrUnknown when there is none, or no such subject.
func (r *Registry) Lookup(ctx context.Context, subject string, s sr.Schema) (Version, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.lookup(ctx, subject, s)
}

func (r *Registry) lookup(ctx context.Context, subject string, s sr.Schema) (Version, error) {
	var found sr.SubjectSchema
	err := r.ask(ctx, "the schema under subject "+subject, func(ctx context.Context) (err error) {
		found, err = r.cl.LookupSchema(ctx, subject, s)
		return err
	})
	if err != nil {
		return Version{}, err
	}
	// Not every registry answers with all of it.
	return r.version(ctx, subject, found.Version)
}

// Listed finds the version of a subject that says what records call by a name: ErrUnknown when the subject lists none, or there is no such
// subject. Versions that were deleted are not listed.
func (r *Registry) Listed(ctx context.Context, subject string, name record.SchemaName) (Version, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	s, err := r.schema(ctx, name)
	if err != nil {
		return Version{}, err
	}
	return r.lookup(ctx, subject, s)
}

// Register adds a version to a subject and reads it back. A schema that the subject has already adds none. ErrRefused when the registry
// does not take it. An attempt whose answer was lost is made again: it finds what the first one did.
func (r *Registry) Register(ctx context.Context, subject string, s sr.Schema) (Version, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	err := r.ask(ctx, "registering under subject "+subject, func(ctx context.Context) error {
		_, err := r.cl.RegisterSchema(ctx, subject, s, -1, -1)
		return err
	})
	if err != nil {
		return Version{}, err
	}
	return r.lookup(ctx, subject, s)
}

// refusal is what a registry means by a status that is about the schema and not about itself, nil for another one. Its numbers are
// Confluent's.
func refusal(answer *sr.ResponseError) error {
	switch {
	case answer.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: it is not compatible with what the subject has (error %d)", ErrRefused, answer.ErrorCode)
	case answer.StatusCode != http.StatusUnprocessableEntity:
		return nil
	case answer.ErrorCode == 42205:
		return fmt.Errorf("%w: the subject is read-only there (error %d)", ErrRefused, answer.ErrorCode)
	}
	return fmt.Errorf("%w: it holds it for invalid (error %d)", ErrRefused, answer.ErrorCode)
}
