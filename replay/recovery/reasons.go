package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/source"
)

// reasons are why something can not be read of records of several partitions, by code.
type reasons struct {
	records int64
	codes   source.Reasons
	names   []string // of the partition that the first of each code is in
}

// add adds those of a partition, and returns how many records they are of.
func (r *reasons) add(name string, more source.Reasons) (n int64) {
	for _, m := range more {
		n += m.Records
		i, known := slices.BinarySearchFunc(r.codes, m.Code, func(c source.Reason, code string) int { return cmp.Compare(c.Code, code) })
		if known {
			r.codes[i].Records += m.Records
			continue
		}
		r.codes, r.names = slices.Insert(r.codes, i, m), slices.Insert(r.names, i, name)
	}
	r.records += n
	return n
}

func (r *reasons) text() string {
	var out []string
	for i, c := range r.codes {
		out = append(out, fmt.Sprintf("%s %s, first in %s at %d: %s", gap.Count(c.Records), c.Code, r.names[i], c.First, c.Why))
	}
	return strings.Join(out, "; ")
}
