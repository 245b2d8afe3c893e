package plan

import (
	"math"
	"sort"

	"backstitch/partition"
)

// objects finds the files that may hold a position. An object's last position is not always known: a file name may carry
// only the first one, and its positions need not be dense. So an object reaches to the next one that starts later, and
// further if its own count says so (files of a rebalanced connector overlap), and the last one reaches to the end of time.
// A file that is opened for nothing costs a little; a file that is not opened loses records.
type objects struct {
	list []partition.Object
	end  []partition.Offset // exclusive reach of list[i]
	top  []partition.Offset // the largest of end[0..i]; lets a search begin at the first object that can matter
}

func newObjects(list []partition.Object) objects {
	x := objects{
		list: list,
		end:  make([]partition.Offset, len(list)),
		top:  make([]partition.Offset, len(list)),
	}
	next := partition.Offset(math.MaxInt64)
	for i := len(list) - 1; i >= 0; i-- {
		if i+1 < len(list) && list[i+1].Base > list[i].Base {
			next = list[i+1].Base
		}
		x.end[i] = next
		switch {
		case list[i].Count == 0:
			x.end[i] = list[i].Base // holds nothing
		case list[i].Count > 0:
			x.end[i] = max(next, list[i].Base+list[i].Count)
		}
	}
	for i := range list {
		x.top[i] = x.end[i]
		if i > 0 {
			x.top[i] = max(x.top[i], x.top[i-1])
		}
	}
	return x
}

// in returns the indexes of the objects that may hold a position of r, ascending.
func (x objects) in(r partition.Range) []int {
	var out []int
	first := sort.Search(len(x.list), func(i int) bool { return x.top[i] > r.From })
	for i := first; i < len(x.list) && x.list[i].Base < r.To; i++ {
		if x.list[i].Count != 0 && x.end[i] > r.From {
			out = append(out, i)
		}
	}
	return out
}

// search returns the index of the first range that ends after o, or len(rs).
func search(rs partition.Ranges, o partition.Offset) int {
	return sort.Search(len(rs), func(i int) bool { return rs[i].To > o })
}
