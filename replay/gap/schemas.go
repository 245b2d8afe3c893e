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

// numbered is how many records of the reference look as if they named a schema, 0 when they are so few that it is by chance: of values that
// are random, one in 256 looks so.
func (r *Report) numbered() int64 {
	var framed, all int64
	for i := range r.Results {
		framed += r.Results[i].Framed
		all += r.Results[i].Expected.Records
	}
	if framed < 10 || framed*10 < all {
		return 0
	}
	return framed
}
