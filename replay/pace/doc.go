// Package pace decides how fast one job may work on one node when what it does hurts others: a rate that falls quickly when somebody
// suffers and rises slowly when nobody does.
//
// Invariants:
//   - The rate is never below the floor: a group of consumers that is dead does not stop a job for ever.
//   - One cut for one round trip. What a cut does is seen only when the signals have been read anew, and until then they say nothing new.
//   - A backlog that drains is no reason for another cut: the rate is low enough, and the rest takes time.
//   - The rate rises only while somebody waits for it, and while every signal that was asked for can be seen.
//   - Controllers that hear the same signals and can not hear each other come to the same rate.
//
// The rule is a binomial one: rate -> rate/2 on a signal, and otherwise rate grows by a constant times its square root. See Bansal and
// Balakrishnan, Binomial Congestion Control Algorithms, 2001; replay/DESIGN.md says why it is this one.
//
// Pure: no clock, no goroutine, no randomness. Where signals come from is replay/feedback's business; how a rate is kept to is
// replay/throttle's.
//
// Reading order: signal.go, controller.go.
package pace
