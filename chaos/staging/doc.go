// Package staging puts a story to a cluster that runs somewhere else, over its own API, and judges it by what the operator's
// verify says of a job that ran meanwhile.
//
// Invariants:
//   - Nothing is begun unless every member says itself that it is of staging or dev.
//   - Never more nodes are hurt at once than the cluster can do without, unless the operator says that this is meant.
//   - However a run ends, by itself, by Ctrl-C, by its limit or because the cluster lost more than the story says, every fault is
//     taken back first. Each has an end of its own besides, for the case that this process is gone.
//   - A story that can not be told here is refused as a whole, with the reason: no fault of it and nothing that it expects is left
//     out in silence.
//   - A fault that hit nothing has shown nothing, and neither has time that was too short. The run says so.
//
// Not here: what a node does to itself (cluster/inject), the stories (scenario), comparing records (the caller's verify).
//
// Reading order: allow.go, members.go, hurt.go, run.go, timeline.go, watch.go, failover.go, judge.go.
package staging
