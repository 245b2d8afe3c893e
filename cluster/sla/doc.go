// Package sla tells people of deadlines: it looks at the jobs that have one, judges each, and has the book note what is to be said of it.
//
// Invariants:
//   - Only the leader says anything, and what was said is a fact (fsm.Told). A leader that died before it was noted has said nothing; one that died behind it
//     has said it for all that come.
//   - A word is never taken back by another judgement: at most one of each kind is said of a deadline, and no risk of what was missed.
//   - Missed is told by the clock and the book alone. A forecast says no more than that there is a risk, and only when even the fast end of its range
//     is late and has been for a while: a minute that was slow wakes nobody.
//
// What is not here: how fast jobs are (cluster), what a judgement is (cluster/forecast), who hears of it (fsm's outbox, cluster/notify).
//
// Reading order: detected.go, clock.go, loop.go.
package sla
