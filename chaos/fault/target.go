package fault

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// Target says whom a fault hits: a role, which is looked up when the fault begins, or the name of a node.
type Target string

// Roles.
const (
	Leader   Target = "leader"   // who leads at that moment
	Follower Target = "follower" // a node that does not lead
	Owner    Target = "owner"    // a node that owns work
	Busiest  Target = "busiest"  // the node that owns the most work
	Minority Target = "minority" // as many nodes as the cluster can do without; the leader is not among them when it can be avoided
	Majority Target = "majority" // a quorum; the leader is not among them, so that it finds itself on the small side
	All      Target = "all"
	One      Target = "one" // any node

	TheBroker Target = "broker"
	TheStore  Target = "store"
)

// targets is what a kind may be aimed at.
type targets uint8

const (
	single  targets = 1 << iota // a role that is one node, or a name
	several                     // a role that may be more, and never is all
	whole                       // all nodes
	servers                     // the broker or the store

	some  = single | several
	nodes = some | whole
)

type role struct {
	name  Target
	class targets
}

var roles = []role{
	{Leader, single}, {Follower, single}, {Owner, single}, {Busiest, single}, {One, single},
	{Minority, several}, {Majority, several}, {All, whole},
	{TheBroker, servers}, {TheStore, servers},
}

// plainName is a name that nobody takes for a misspelled role. Others are written "node alpha".
var plainName = regexp.MustCompile(`^[a-z][a-z0-9.]*[-0-9][a-z0-9.-]*$`)

var anyName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// Role says whether t is a role; otherwise it is a name.
func (t Target) Role() bool {
	return slices.ContainsFunc(roles, func(r role) bool { return r.name == t })
}

// check refuses a target that is not of the class.
func (t Target) check(class targets) error {
	for _, r := range roles {
		if r.name == t {
			if class&r.class == 0 {
				return fmt.Errorf("can not be done to %q: want %s", string(t), strings.Join(class.words(), ", "))
			}
			return nil
		}
	}
	if !anyName.MatchString(string(t)) {
		return fmt.Errorf("%q is not the name of a node", string(t))
	}
	if class&single == 0 {
		return fmt.Errorf("can not be done to one node: want %s", strings.Join(class.words(), ", "))
	}
	return nil
}

// words lists what can be written for a target of the class.
func (c targets) words() []string {
	var out []string
	for _, r := range roles {
		if c&r.class != 0 {
			out = append(out, string(r.name))
		}
	}
	if c&single != 0 {
		out = append(out, "the name of a node such as node-b", "node NAME")
	}
	return out
}

// View is what a role is looked up in.
type View struct {
	Nodes  []string       // voters, in any order
	Leader string         // "" when nobody leads
	Owned  map[string]int // how much work each node owns; a node without work may be left out
}

// In picks the nodes that t stands for, sorted. Where there is a choice, random decides, so that the same seed and the same
// view pick the same nodes. It is an error when there is nobody: nobody leads, nobody owns work, or the name is not there.
// The broker and the store are no nodes, and an error here.
func (t Target) In(v View, random *rand.Rand) ([]string, error) {
	all := slices.Sorted(slices.Values(v.Nodes))
	if len(all) == 0 {
		return nil, fmt.Errorf("target %s: there are no nodes", t)
	}
	// Those who do not lead, shuffled; the leader comes last.
	order := slices.Clone(all)
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(b2i(a == v.Leader), b2i(b == v.Leader)) })
	leads := slices.Contains(all, v.Leader)
	owners := slices.DeleteFunc(slices.Clone(order), func(n string) bool { return v.Owned[n] == 0 })

	switch t {
	case All:
		return all, nil
	case One:
		return []string{all[random.IntN(len(all))]}, nil
	case Leader:
		if !leads {
			return nil, fmt.Errorf("target %s: nobody leads", t)
		}
		return []string{v.Leader}, nil
	case Follower:
		if leads && len(all) == 1 {
			return nil, fmt.Errorf("target %s: there is only the leader", t)
		}
		return order[:1], nil
	case Owner, Busiest:
		if len(owners) == 0 {
			return nil, fmt.Errorf("target %s: nobody owns work", t)
		}
		if t == Owner {
			return []string{owners[random.IntN(len(owners))]}, nil
		}
		return []string{slices.MaxFunc(owners, func(a, b string) int {
			return cmp.Or(cmp.Compare(v.Owned[a], v.Owned[b]), strings.Compare(b, a))
		})}, nil
	case Minority:
		n := (len(all) - 1) / 2
		if n == 0 {
			return nil, fmt.Errorf("target %s: a cluster of %d can do without nobody", t, len(all))
		}
		return slices.Sorted(slices.Values(order[:n])), nil
	case Majority:
		return slices.Sorted(slices.Values(order[:len(all)/2+1])), nil
	case TheBroker, TheStore:
		return nil, fmt.Errorf("target %s is no node", t)
	}
	if !slices.Contains(all, string(t)) {
		return nil, fmt.Errorf("there is no node %s: there are %s", t, strings.Join(all, ", "))
	}
	return []string{string(t)}, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
