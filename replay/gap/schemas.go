package gap

import (
	"context"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// Learn makes sure that the schemas which b names are known before it is hashed. Of records whose schema nobody tells nothing can be said,
// on whichever side they are, so its error makes a partition not comparable and does not end a scan. It takes b when it fails.
func Learn(ctx context.Context, schemas *schema.Side, b *record.Batch, fields record.Fields, side string) (*record.Batch, error) {
	if err := schemas.Learn(ctx, b, fields); err != nil {
		b.Release()
		return nil, &referenceError{fmt.Errorf("schemas of the %s can not be told: %w", side, err)}
	}
	return b, nil
}

// noteSchemas says what of names of schemas was compared as bytes although registries were named.
func (r *Report) noteSchemas(in *Input) {
	ref, tgt := in.ReferenceSchemas, in.TargetSchemas
	if ref != nil && tgt != nil && ref.Bare() && tgt.Bare() {
		r.NotChecked = append(r.NotChecked, "schemas of keys: no registry has the subject of this topic's keys, so numbers in front of them were compared as bytes")
	}
}

// noteNumbers says that numbers of schemas were compared as they are, where values look as if they had some. It comes last.
func (r *Report) noteNumbers() {
	if n := r.numbered(); n > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("schemas: %s with a value that looks as if it began with the number of a schema; numbers were compared as bytes, because no "+
			"registries were named", plural(n, "record")))
	}
}

// noteGlue says that versions of AWS Glue's schemas were compared as they are. Which registry has them does not matter: none is asked.
func (r *Report) noteGlue() {
	if n := r.Glued(); n > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("schemas: %s with a value that looks as if it began with the version of a schema of AWS Glue; versions, and payloads "+
			"that are compressed, were compared as bytes, because no registry of AWS is asked", plural(n, "record")))
	}
}

// numbered is how many records of the reference look as if they named a schema by number, and Glued how many by a version of AWS Glue.
func (r *Report) numbered() int64 { return r.many(func(x *Result) int64 { return x.Framed }) }
func (r *Report) Glued() int64    { return r.many(func(x *Result) int64 { return x.Glued }) }

// many is how many records look so, 0 when they are so few that it is by chance: of values that are random, one in 256 begins with a zero.
func (r *Report) many(look func(*Result) int64) int64 {
	var seen, all int64
	for i := range r.Results {
		seen += look(&r.Results[i])
		all += r.Results[i].Expected.Records
	}
	if seen < 10 || seen*10 < all {
		return 0
	}
	return seen
}
