package gap

import (
	"cmp"
	"fmt"
	"slices"

	"backstitch/partition"
)

// Unread is an object of the reference that may hold records and is in a format that is not read.
type Unread struct {
	Object string
	Format string
}

// unread makes a finding of each format that is not read: what such objects hold is compared with nothing, and nobody may take
// that for "nothing is missing".
func (s *scan) unread() {
	list := slices.Clone(s.extent.Unread)
	slices.SortFunc(list, func(a, b Unread) int { return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Object, b.Object)) })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Format == list[0].Format {
			n++
		}
		s.res.findings = append(s.res.findings, Finding{
			Kind: NotComparable, Partition: s.part, Range: partition.Range{}, Count: -1, Object: list[0].Object,
			Reason: fmt.Sprintf("%s in %s, which is not read; the first is %s", plural(int64(n), "object"), list[0].Format, list[0].Object),
		})
		list = list[n:]
	}
}
