package assign

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"backstitch/partition"
)

func drawWorld(t *rapid.T) ([]partition.Member, []Item, Options) {
	var members []partition.Member
	for i := range rapid.IntRange(2, 9).Draw(t, "members") {
		members = append(members, partition.Member{
			ID: partition.NodeID(fmt.Sprintf("node-%d", i)), Zone: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone"),
			Weight: rapid.Uint32Range(1, 4).Draw(t, "weight"), Eligible: true,
		})
	}
	var items []Item
	for i := range rapid.IntRange(0, 80).Draw(t, "items") {
		items = append(items, Item{Key: fmt.Sprintf("item-%d", i), Weight: rapid.Int64Range(1, 1000).Draw(t, "bytes")})
	}
	return members, items, Options{SlackPercent: rapid.Uint32Range(0, 50).Draw(t, "slack")}
}

// settle gives items the owners of ps.
func settle(items []Item, ps []Placement) []Item {
	owner := map[string]partition.NodeID{}
	for _, p := range ps {
		owner[p.Key] = p.Owner
	}
	items = slices.Clone(items)
	for i := range items {
		items[i].Current = owner[items[i].Key]
	}
	return items
}

func sum(items []Item) (total, largest int64) {
	for _, it := range items {
		total, largest = total+it.Weight, max(largest, it.Weight)
	}
	return total, largest
}

func checkBalance(t *rapid.T, members []partition.Member, items []Item, o Options, ps []Placement) {
	total, largest := sum(items)
	var weights float64
	for _, m := range members {
		weights += float64(m.Weight)
	}
	load := map[partition.NodeID]int64{}
	weight := map[string]int64{}
	for _, it := range items {
		weight[it.Key] = it.Weight
	}
	for _, p := range ps {
		if p.Owner == "" {
			t.Fatalf("%s has no owner", p.Key)
		}
		load[p.Owner] += weight[p.Key]
	}
	slack := 1 + float64(o.SlackPercent)/100
	for _, m := range members {
		share := float64(total) * float64(m.Weight) / weights
		if bound := slack*(share+float64(largest)) + 1; float64(load[m.ID]) > bound {
			t.Fatalf("%s of weight %d has %d bytes, bound %.0f, total %d, largest %d", m.ID, m.Weight, load[m.ID], bound, total, largest)
		}
	}
}

func TestBalanceAndDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, items, o := drawWorld(t)
		got := Assign(members, items, o)
		checkBalance(t, members, items, o, got)

		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 0))
		m2, i2 := slices.Clone(members), slices.Clone(items)
		rnd.Shuffle(len(m2), func(i, j int) { m2[i], m2[j] = m2[j], m2[i] })
		rnd.Shuffle(len(i2), func(i, j int) { i2[i], i2[j] = i2[j], i2[i] })
		if again := Assign(m2, i2, o); !slices.Equal(again, got) {
			t.Fatalf("another order of inputs: got %v, want %v", again, got)
		}
		over := overloaded(members, items, o, got)
		for _, m := range Diff(got, Assign(members, settle(items, got), o)) {
			if !over[m.From] {
				t.Fatalf("nothing changed, yet %v moves, whose owner is within its bound", m)
			}
		}
	})
}

func TestLeavingMovesOnlyWhatLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, items, o := drawWorld(t)
		for i := range members {
			members[i].Zone = "" // zones of unequal size make the bound of a zone shrink when a member leaves
		}
		before := Assign(members, items, o)
		gone := rapid.IntRange(0, len(members)-1).Draw(t, "gone")
		members[gone].Eligible = false
		after := Assign(members, settle(items, before), o)
		rest := slices.Delete(slices.Clone(members), gone, gone+1)
		checkBalance(t, rest, items, o, after)
		over := overloaded(rest, items, o, before)
		for _, m := range Diff(before, after) {
			if m.From != members[gone].ID && !over[m.From] {
				t.Fatalf("%s left, yet %v, whose owner is within its bound", members[gone].ID, m)
			}
		}
	})
}

// overloaded returns the members that ps loads beyond their bound.
func overloaded(members []partition.Member, items []Item, o Options, ps []Placement) map[partition.NodeID]bool {
	total, _ := sum(items)
	var weights float64
	load := map[partition.NodeID]float64{}
	zoneWeight, zoneLoad := map[string]float64{}, map[string]float64{}
	for _, it := range settle(items, ps) {
		load[it.Current] += float64(it.Weight)
	}
	for _, m := range members {
		weights += float64(m.Weight)
		zoneWeight[m.Zone] += float64(m.Weight)
		zoneLoad[m.Zone] += load[m.ID]
	}
	all := (1 + float64(o.SlackPercent)/100) * float64(total) / weights
	out := map[partition.NodeID]bool{}
	for _, m := range members {
		out[m.ID] = load[m.ID] > math.Ceil(all*float64(m.Weight)) || zoneLoad[m.Zone] > math.Ceil(all*zoneWeight[m.Zone])
	}
	return out
}

func TestJoiningMovesAboutItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, items, o := drawWorld(t)
		for i := range members {
			members[i].Zone, members[i].Weight = "", 1
		}
		members[0].Eligible = false
		before := Assign(members, items, o)
		members[0].Eligible = true
		after := Assign(members, settle(items, before), o)
		checkBalance(t, members, items, o, after)

		total, largest := sum(items)
		n := float64(len(members))
		slack := 1 + float64(o.SlackPercent)/100
		var moved int64
		weight := map[string]int64{}
		for _, it := range items {
			weight[it.Key] = it.Weight
		}
		for _, m := range Diff(before, after) {
			moved += weight[m.Key]
		}
		// Its share with the slack, plus what is lost to items being whole: one on the newcomer, one on each of the others.
		if bound := slack*(float64(total)/n+float64(largest)) + n*slack*float64(largest); float64(moved) > bound {
			t.Fatalf("%d of %d bytes moved to %d members, bound %.0f, largest %d", moved, total, len(members), bound, largest)
		}
	})
}

func TestSlotsPinsAndAvoidance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, items, o := drawWorld(t)
		o.SlotsPerWeight = rapid.Uint32Range(1, 8).Draw(t, "slots")
		slots, pinned := map[partition.NodeID]int{}, map[partition.NodeID]int{}
		free := 0
		for i := range members {
			members[i].Eligible = rapid.IntRange(0, 3).Draw(t, "eligible") > 0
			if members[i].Eligible {
				slots[members[i].ID] = int(members[i].Weight * o.SlotsPerWeight)
				free += slots[members[i].ID]
			}
		}
		for i := range items {
			m := rapid.SampledFrom(members).Draw(t, "current")
			items[i].Current = m.ID
			if m.Eligible && pinned[m.ID] < slots[m.ID] && rapid.Bool().Draw(t, "pinned") {
				items[i].Pinned = true
				pinned[m.ID]++
			} else if rapid.Bool().Draw(t, "avoid") {
				items[i].Avoid = []partition.NodeID{m.ID}
			} else if rapid.IntRange(0, 3).Draw(t, "never") == 0 {
				items[i].Never = []partition.NodeID{m.ID}
			}
		}
		owned, unowned := map[partition.NodeID]int{}, 0
		var barred []string // without an owner although somebody may have had room
		got := Assign(members, items, o)
		owner := map[string]partition.NodeID{}
		never := map[string][]partition.NodeID{}
		for _, it := range items {
			never[it.Key] = it.Never
		}
		for _, p := range got {
			owner[p.Key] = p.Owner
			if p.Owner == "" && len(never[p.Key]) > 0 {
				barred = append(barred, p.Key)
				continue
			}
			if p.Owner == "" {
				unowned++
				continue
			}
			if slices.Contains(never[p.Key], p.Owner) {
				t.Fatalf("%s is on %s, where it is never to be", p.Key, p.Owner)
			}
			owned[p.Owner]++
		}
		for id, n := range owned {
			if n > slots[id] {
				t.Fatalf("%s owns %d items, has %d slots", id, n, slots[id])
			}
		}
		if want := max(0, len(items)-free-len(barred)); unowned != want {
			t.Fatalf("%d items have no owner, want %d: %d items, %d slots, %d barred", unowned, want, len(items), free, len(barred))
		}
		for _, key := range barred {
			for id, n := range slots {
				if !slices.Contains(never[key], id) && owned[id] < n {
					t.Fatalf("%s has no owner, while %s has a free slot", key, id)
				}
			}
		}
		for _, it := range items {
			if it.Pinned && owner[it.Key] != it.Current {
				t.Fatalf("pinned %s moved from %s to %s", it.Key, it.Current, owner[it.Key])
			}
		}
		for _, it := range items {
			if len(it.Avoid) == 0 || owner[it.Key] != it.Avoid[0] {
				continue
			}
			for id, n := range slots {
				if id != it.Avoid[0] && owned[id] < n {
					t.Fatalf("%s is on %s, which it avoids, while %s has a free slot", it.Key, it.Avoid[0], id)
				}
			}
		}
	})
}

// Fewer items than zones go to different zones, fewer than members to different members.
func TestSpreadBeforePacking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var members []partition.Member
		for i := range 6 {
			members = append(members, partition.Member{
				ID: partition.NodeID(fmt.Sprintf("node-%d", i)), Zone: string(rune('a' + i%3)), Weight: 1, Eligible: true,
			})
		}
		n := rapid.IntRange(1, 6).Draw(t, "items")
		var items []Item
		for i := range n {
			items = append(items, Item{Key: rapid.StringN(1, 8, -1).Draw(t, "key") + fmt.Sprint(i), Weight: 100})
		}
		nodes, zones := map[partition.NodeID]int{}, map[string]int{}
		for _, p := range Assign(members, items, Options{SlackPercent: 25}) {
			nodes[p.Owner]++
			zones[members[int(p.Owner[5]-'0')].Zone]++
		}
		if len(nodes) != n || len(zones) != min(n, 3) {
			t.Fatalf("%d equal items are on %d members in %d zones: %v", n, len(nodes), len(zones), nodes)
		}
	})
}
