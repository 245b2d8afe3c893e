package share

import "backstitch/partition"

// Share is a part of a budget: thousandths per second of each of partition.Units, More where nothing is limited. Thousandths, so that
// ten nodes can divide a budget of five requests a second.
type Share [3]int64

// Milli is how many thousandths a unit has.
const Milli = 1000

// Whole is the share of somebody who has all of a budget.
func Whole(r partition.Rate) Share {
	var s Share
	for i, n := range r.Of() {
		if s[i] = More; n > 0 && n < More/Milli {
			s[i] = n * Milli
		}
	}
	return s
}

// Min is the smaller of two shares, unit by unit.
func (s Share) Min(o Share) Share {
	for i := range s {
		s[i] = min(s[i], o[i])
	}
	return s
}

// Max is the larger of two shares, unit by unit.
func (s Share) Max(o Share) Share {
	for i := range s {
		s[i] = max(s[i], o[i])
	}
	return s
}

// Want is what a spender says of one scope when it asks.
type Want struct {
	Scope string
	Has   Share // what it may spend at present
	Wants Share // what it could use, More where it is held back
	Lanes uint32
}

// Answer is what a spender may spend until its right to work is over.
type Answer struct {
	Grants []Grant // of the scopes that were asked about and have a budget
	Index  uint64  // of the book that the budgets are of
}

// Grant is the answer for one scope that has a budget.
type Grant struct {
	Scope string
	Share Share
}
