package schema

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/sr"
)

// maxDepth bounds how deep schemas refer to others.
const maxDepth = 32

// print is the first half of the SHA-256 over a schema's type, its text, and for each schema that it refers to, in their order, the
// name under which it does so and that one's print. Subject and version of a reference are left out: they are places, and a copy of a
// registry may have other ones. Each of these is preceded by its length, 8 bytes big endian.
//
// Blanks between the tokens of JSON do not count, because registries do not agree on them. Everything else does: a schema whose fields
// stand in another order is another schema to Avro, too.
func (r *Registry) print(ctx context.Context, what string, s sr.Schema, depth int) (out printed, err error) {
	if strings.TrimSpace(s.Schema) == "" {
		// Any JSON is an answer to somebody who does not look; two services that know nothing would agree on every schema.
		return out, fmt.Errorf("%s of %s: %w: its answer has no schema in it", what, r.name, ErrNoAnswer)
	}
	h := sha256.New()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		_, _ = h.Write(n[:]) // never fails
		_, _ = h.Write(b)
	}
	part([]byte(s.Type.String()))
	part(normal(s))
	for _, ref := range s.References {
		to, err := r.reference(ctx, place{ref.Subject, ref.Version}, depth+1)
		if err != nil {
			return out, fmt.Errorf("%s refers to %w", what, err)
		}
		out.height = max(out.height, to.height+1)
		part([]byte(ref.Name))
		part(to.Sum[:])
	}
	out.Print = record.Print{Sum: [16]byte(h.Sum(nil)[:16]), Indexed: s.Type == sr.TypeProtobuf}
	return out, nil
}

// reference is the print of a schema that another refers to, depth steps from the one that was asked for. It is asked for once, however
// many refer to it.
func (r *Registry) reference(ctx context.Context, at place, depth int) (printed, error) {
	what := fmt.Sprintf("version %d of subject %s", at.version, at.subject)
	print, known := r.refs[at]
	// What is known counts as deep as it is, or what becomes of a schema would depend on what was asked before.
	if depth+print.height > maxDepth {
		return printed{}, fmt.Errorf("%s of %s: %w: schemas refer to each other more than %d deep", what, r.name, ErrNoAnswer, maxDepth)
	}
	if known {
		return print, nil
	}
	var found sr.SubjectSchema
	err := r.ask(ctx, what, func(ctx context.Context) (err error) {
		found, err = r.cl.SchemaByVersion(ctx, at.subject, at.version)
		return err
	})
	if err == nil {
		print, err = r.print(ctx, what, found.Schema, depth)
	}
	if err != nil {
		return printed{}, err
	}
	r.refs[at] = print
	return print, nil
}

// normal is the text without what does not count.
func normal(s sr.Schema) []byte {
	if s.Type != sr.TypeProtobuf {
		var out bytes.Buffer
		if json.Compact(&out, []byte(s.Schema)) == nil {
			return out.Bytes()
		}
	}
	return []byte(strings.TrimSpace(s.Schema))
}
