// Package quota is the leader's side of budgets: it leases parts of them to the nodes that spend them.
//
// A budget is a fact of the book, and who may spend which part of it is not: that changes with every breath of the work. A node says with
// each renewal of its leases what it has and what it wants, and is answered with what it may spend until the lease time is over. So a share
// lives exactly as long as the right to work, and a node that nobody renews spends nothing. The method is that of a lease of capacity,
// with has, wants and a learning mode, as in Google's Doorman.
//
// Invariants:
//   - The shares that nodes may hold at any moment add up to the budget at most. What one gives up another gets only when the first has
//     said that it has the smaller share, or can not have the old one any more: its lease time is over, or its process is gone.
//   - A leader that has just begun knows nobody's share. For one lease time it confirms what nodes say they have, and raises nothing.
//   - A lowered budget binds with the next renewal of each node, which is well under a second away.
//   - A request that was overtaken by a later one of the same process changes nothing.
//
// What holds a job back on its node beside budgets (replay/pace) is told with the same renewals, and kept here for people to see.
//
// Crash windows: all is memory of one term. A leader that dies takes it along, and the next one learns it from the nodes; until then they go on
// with what they have, for as long as their leases last.
//
// Not here: the arithmetic of fairness (partition/share), keeping to a share (replay/throttle), what a budget is for (fsm).
package quota
