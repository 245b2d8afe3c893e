// Package share divides a budget among those who spend it: so many bytes, records or requests a second, fairly, and by what each can
// use.
//
// Invariants:
//   - Shares add up to the budget, never to more. Nothing is left over while somebody wants more than it has.
//   - Who wants less than its fair part gets what it wants. What that leaves goes to the others (max-min fairness).
//   - What nobody wants is handed out all the same, by weight: whoever speeds up need not ask first.
//   - Nobody gets more by asking for more than it can use: a claim beyond the fair part is cut to it.
//
// Pure arithmetic: no clock, no state. Who holds which share until when is the leader's business (cluster/quota); how a share is kept
// to is replay/throttle's.
package share
