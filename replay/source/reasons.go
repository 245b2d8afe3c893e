package source

import (
	"cmp"
	"slices"

	"backstitch/partition"
)

// Reason is why something can not be read of some records of a partition, and of which. The records themselves are read well.
type Reason struct {
	Code    string
	Records int64
	First   partition.Offset // position of the first one
	Why     string           // of that one
}

// Reasons are those of one partition, by code.
type Reasons []Reason

// Add counts the record at a position. Positions ascend.
func (rs *Reasons) Add(at partition.Offset, why *Refusal) {
	i, known := slices.BinarySearchFunc(*rs, why.Code, func(r Reason, code string) int { return cmp.Compare(r.Code, code) })
	if !known {
		*rs = slices.Insert(*rs, i, Reason{Code: why.Code, First: at, Why: why.Err.Error()})
	}
	(*rs)[i].Records++
}
