package schema

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

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
func (r *Registry) print(ctx context.Context, s sr.Schema, depth int) (out [16]byte, err error) {
	if depth == maxDepth {
		return out, fmt.Errorf("schemas of %s refer to each other more than %d deep: %w", r.url, maxDepth, ErrNoAnswer)
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
		to, err := r.cl.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return out, r.fail(ctx, fmt.Sprintf("version %d of subject %s", ref.Version, ref.Subject), err)
		}
		print, err := r.print(ctx, to.Schema, depth+1)
		if err != nil {
			return out, err
		}
		part([]byte(ref.Name))
		part(print[:])
	}
	return [16]byte(h.Sum(nil)[:16]), nil
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
