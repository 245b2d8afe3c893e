// Package assign says which node should own which item of work: weighted rendezvous hashing with load bounds, zones and
// minimal moves. It is pure, and the order of its inputs does not matter.
//
// Invariants, each with a property test:
//   - Only eligible members with a weight own anything, and none owns more items than its slots.
//   - Without slots, pins and avoidance no member's load exceeds (1+slack) times (its fair share by weight + the largest
//     item). Load is bytes, not items: a partition with ten times the data is ten times the work.
//   - An item stays with its current owner as long as that owner, and its zone, are within the bound. So when a member
//     leaves, only its items move, and at most some of those of members that were beyond the bound anyway; when one
//     joins, about its share moves.
//   - An item never goes to a member that its list of Never names, and stays without an owner instead.
//   - A pinned item stays as long as its owner is eligible, whatever the load.
//   - Work is spread before it is packed: over zones first, then over members.
//
// Results are proposals that one leader makes and the book records; no replica ever computes them again. That is why
// floating point is welcome here and this package is out of bounds for fsm.
//
// Not here: who is alive and which items may run now (cluster/leader).
//
// Reading order: assign.go, place.go, diff.go.
package assign
