package repartition

import "slices"

// Whoever compares counts on one log: offsets that are one number each, and one of them below which everything was there when the plan was
// made. So places of all partitions get one number. With m partitions, the place o of partition q is o*m+q if it was there at the plan, and
// what came later begins behind all of those, counted anew in each partition. Numbers stay about as small as offsets are.

// numbers counts the places of a topic.
type numbers struct {
	ends []int64 // of the partitions when the plan was made
	then int64   // first number of what came later
}

func newNumbers(ends []int64) numbers {
	return numbers{ends: ends, then: slices.Max(ends) * int64(len(ends))}
}

// of is the number of a place.
func (n *numbers) of(q int32, offset int64) int64 {
	m := int64(len(n.ends))
	if end := n.ends[q]; offset >= end {
		return n.then + (offset-end)*m + int64(q)
	}
	return offset*m + int64(q)
}

// place is the inverse of of.
func (n *numbers) place(number int64) (q int32, offset int64) {
	m := int64(len(n.ends))
	if number < n.then {
		return int32(number % m), number / m
	}
	number -= n.then
	q = int32(number % m)
	return q, n.ends[q] + number/m
}

// from is the first offset of partition q whose number is not below number.
func (n *numbers) from(q int32, number int64) int64 {
	m := int64(len(n.ends))
	steps := func(to int64) int64 { return max(0, (to-int64(q)+m-1)/m) }
	if number <= n.then {
		return min(n.ends[q], steps(number))
	}
	return n.ends[q] + steps(number-n.then)
}
