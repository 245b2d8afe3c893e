// Package feedback slows a job down on this node when others suffer from it: consumer groups that fall behind, replicas that fall out of
// sync, brokers and object stores that say that they are asked for too much.
//
// Invariants:
//   - What the answers to a job's own requests say is listened to without asking for it. Whatever has to be asked for is asked for at most
//     once in LookEvery for one target and what is looked at, by all jobs of a node together.
//   - A signal that can not be seen is never taken for a good one: the rate does not rise, and the reason says why.
//   - What a broker usually takes is learned from looks at which all its nodes rested, and from no others once there are such.
//   - A group is held against the least that it has lagged since this node works for the job, so what it lagged before is nobody's fault.
//   - Every goroutine ends with the context of Run, which returns after them.
//
// What is not here: how a rate follows from signals (replay/pace), how lanes keep to it (replay/throttle), who tells people (cluster).
//
// Reading order: rules.go, look.go, kafka.go, ask.go, calm.go, governor.go, text.go.
package feedback
