package share

import (
	"cmp"
	"math/bits"
	"slices"
)

// Claim is what one spender wants of a budget.
type Claim struct {
	// Wants is how much it could use; More for a spender that is held back and does not know.
	Wants int64
	// Weight is its part among equals, such as the number of lanes that it runs. One of weight 0 gets nothing.
	Weight int64
}

// More is the claim of a spender that would use whatever it gets.
const More = int64(1) << 62

// Divide returns the shares of budget, in the order of claims. They add up to budget, or are all 0 when nobody has weight.
//
// The claims are filled like vessels of different width and height that are joined at the bottom: in the order of their height per width,
// each takes its height, or what the water line leaves. See Bertsekas and Gallager, Data Networks, section 6.5.2, on max-min fairness.
func Divide(budget int64, claims []Claim) []int64 {
	out := make([]int64, len(claims))
	var weight int64
	order := make([]int, 0, len(claims))
	for i, c := range claims {
		if c.Weight > 0 {
			weight += c.Weight
			order = append(order, i)
		}
	}
	if weight == 0 || budget <= 0 {
		return out
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(claims[a], claims[b]) })
	left, width := budget, weight
	for _, i := range order {
		c := claims[i]
		out[i] = min(max(c.Wants, 0), part(left, c.Weight, width))
		left, width = left-out[i], width-c.Weight
	}
	// Here everybody has what it wants, or nothing is left.
	for _, i := range order {
		extra := part(left, claims[i].Weight, weight)
		out[i] += extra
		left, weight = left-extra, weight-claims[i].Weight
	}
	return out
}

// part is total*weight/of, rounded down, without overflow. weight is at most of.
func part(total, weight, of int64) int64 {
	hi, lo := bits.Mul64(uint64(total), uint64(weight))
	q, _ := bits.Div64(hi, lo, uint64(of))
	return int64(q)
}

// compare orders claims by what they want per weight.
func compare(a, b Claim) int {
	ah, al := bits.Mul64(uint64(max(a.Wants, 0)), uint64(b.Weight))
	bh, bl := bits.Mul64(uint64(max(b.Wants, 0)), uint64(a.Weight))
	return cmp.Or(cmp.Compare(ah, bh), cmp.Compare(al, bl))
}
