package share

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDivide(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget int64
		claims []Claim
		want   []int64
	}{
		{"equals", 90, []Claim{{More, 1}, {More, 1}, {More, 1}}, []int64{30, 30, 30}},
		{"by weight", 90, []Claim{{More, 1}, {More, 2}}, []int64{30, 60}},
		{"one wants little", 90, []Claim{{10, 1}, {More, 1}, {More, 1}}, []int64{10, 40, 40}},
		{"what nobody wants", 90, []Claim{{10, 1}, {20, 1}}, []int64{40, 50}},
		{"an odd one", 10, []Claim{{More, 1}, {More, 1}, {More, 1}}, []int64{3, 3, 4}},
		{"no weight", 90, []Claim{{More, 0}, {5, 1}}, []int64{0, 90}},
		{"nobody", 90, []Claim{{More, 0}}, []int64{0}},
		{"nothing", 0, []Claim{{More, 1}}, []int64{0}},
		{"large", 1 << 61, []Claim{{More, 1 << 30}, {More, 1 << 30}}, []int64{1 << 60, 1 << 60}},
	} {
		if got := Divide(c.budget, c.claims); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// TestDivideIsFair draws budgets and claims, and holds the shares against what the package promises.
func TestDivideIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.Int64Range(1, 1<<40).Draw(t, "budget")
		claims := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Claim {
			return Claim{Wants: rapid.OneOf(rapid.Int64Range(0, 1<<40), rapid.Just(More)).Draw(t, "wants"), Weight: rapid.Int64Range(0, 20).Draw(t, "weight")}
		}), 1, 12).Draw(t, "claims")
		got := Divide(budget, claims)
		var sum, weight, wanted int64
		for i, c := range claims {
			weight += c.Weight
			sum += got[i]
			if c.Weight > 0 {
				wanted += min(c.Wants, 1<<41)
			} else if got[i] != 0 {
				t.Fatalf("claim %d has no weight and got %d", i, got[i])
			}
		}
		if weight > 0 && sum != budget {
			t.Fatalf("shares add up to %d of %d: %v", sum, budget, got)
		}
		for i, a := range claims {
			if a.Weight == 0 {
				continue
			}
			if wanted <= budget && got[i] < a.Wants {
				t.Fatalf("there is enough, and claim %d got %d", i, got[i])
			}
			for k, b := range claims {
				// Nobody has more per weight than somebody who wants more than it got, but for rounding.
				if b.Weight > 0 && got[i] < a.Wants && got[k]*a.Weight > (got[i]+weight)*b.Weight {
					t.Fatalf("claim %d got %d and wants more, claim %d got %d: %v", i, got[i], k, got[k], claims)
				}
			}
		}
	})
}
