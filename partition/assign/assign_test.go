package assign

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"backstitch/partition"
)

// TestScenarios runs testdata/scenarios. "assign" takes lines "member ID ZONE WEIGHT [out]" and "item KEY WEIGHT [on ID]
// [pinned] [avoid ID]". With the argument "then" it takes over members and the owners of the command before.
// Run with -rewrite to accept new output.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		var w world
		var before []Placement
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "assign" {
				t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			}
			o := Options{SlackPercent: 25}
			d.MaybeScanArgs(t, "slots", &o.SlotsPerWeight)
			if d.HasArg("then") {
				for i := range w.items {
					for _, p := range before {
						if p.Key == w.items[i].Key {
							w.items[i].Current = p.Owner
						}
					}
				}
			} else {
				w, before = world{}, nil
			}
			w.parse(t, d.Input)
			after := Assign(w.members, w.items, o)
			defer func() { before = after }()
			return w.render(before, after)
		})
	})
}

type world struct {
	members []partition.Member
	items   []Item
}

func (w *world) parse(t *testing.T, input string) {
	t.Helper()
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		switch f[0] {
		case "member":
			m := partition.Member{ID: partition.NodeID(f[1]), Zone: strings.Trim(f[2], "-"), Eligible: len(f) == 4}
			if _, err := fmt.Sscan(f[3], &m.Weight); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			kept := w.members[:0]
			for _, old := range w.members {
				if old.ID != m.ID {
					kept = append(kept, old)
				}
			}
			w.members = append(kept, m)
		case "item":
			it := Item{Key: f[1]}
			if _, err := fmt.Sscan(f[2], &it.Weight); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			for i := 3; i < len(f); i++ {
				switch f[i] {
				case "on":
					i++
					it.Current = partition.NodeID(f[i])
				case "avoid":
					i++
					it.Avoid = append(it.Avoid, partition.NodeID(f[i]))
				case "pinned":
					it.Pinned = true
				default:
					t.Fatalf("%q: unknown word %q", line, f[i])
				}
			}
			w.items = append(w.items, it)
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
}

// render prints who owns what and how much, and what moved since before.
func (w *world) render(before, after []Placement) string {
	weight := map[string]int64{}
	for _, it := range w.items {
		weight[it.Key] = it.Weight
	}
	var b strings.Builder
	for _, id := range append(ids(w.members), "") {
		var keys []string
		var load int64
		for _, p := range after {
			if p.Owner == id {
				keys, load = append(keys, p.Key), load+weight[p.Key]
			}
		}
		switch {
		case id != "":
			fmt.Fprintf(&b, "%s: %d in %d: %s\n", id, load, len(keys), strings.Join(keys, " "))
		case len(keys) > 0:
			fmt.Fprintf(&b, "nobody: %s\n", strings.Join(keys, " "))
		}
	}
	if before != nil {
		for _, m := range Diff(before, after) {
			fmt.Fprintf(&b, "move %s %s -> %s\n", m.Key, m.From, m.To)
		}
	}
	return b.String()
}

func ids(members []partition.Member) []partition.NodeID {
	var out []partition.NodeID
	for _, m := range members {
		out = append(out, m.ID)
	}
	return out
}

func BenchmarkAssign(b *testing.B) {
	var w world
	for i := range 9 {
		w.members = append(w.members, partition.Member{ID: partition.NodeID(fmt.Sprint("node-", i)), Zone: fmt.Sprint(i % 3), Weight: 1, Eligible: true})
	}
	for i := range 10_000 {
		w.items = append(w.items, Item{Key: fmt.Sprintf("bs-a/%d", i), Weight: int64(1000 + i%77)})
	}
	for b.Loop() {
		Assign(w.members, w.items, Options{SlackPercent: 25})
	}
}
