package gap

import "fmt"

// noteSchemas says which registries told what the numbers of schemas stand for.
func (r *Report) noteSchemas(in *Input) {
	ref, tgt := in.ReferenceSchemas, in.TargetSchemas
	if ref == nil || tgt == nil {
		return
	}
	r.Facts.Notes = append(r.Facts.Notes, fmt.Sprintf("compared by schema and not by its number: %s of %s, %s of %s",
		plural(int64(ref.Registry().Count()), "schema"), ref.Registry().URL(), plural(int64(tgt.Registry().Count()), "schema"), tgt.Registry().URL()))
	if !ref.Keys() && !tgt.Keys() {
		r.NotChecked = append(r.NotChecked, "schemas of keys: no registry has schemas of this topic's keys, so numbers in them were compared as bytes")
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
