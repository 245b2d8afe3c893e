// Package matrix runs scenarios with real processes: agents with certificates, each in a host of its own on a network that can
// be hurt (chaos/netns), and a broker and a store behind the same network (chaos/depot). It makes records, archives them, loses
// some, plans, runs, does to the cluster what the timeline says, heals, waits for as long as the scenario allows, and judges.
//
// Invariants:
//   - A fault that hit nothing fails the run: every injection counts what it hit.
//   - A kind of fault, or an expectation, that nothing here can do or check is refused before anything is started.
//   - The judges are those of chaos/check. What they find is a violation; evidence that they can not judge by is one too.
//   - What a fault is aimed at, and what it takes, is read from the newest book that any node has.
//   - Everything that is waited for is bounded, and nothing is left behind: that is checked too.
//   - The evidence is written as it comes (chaos/report), beside logs, configurations, plans and data, in the artifact directory.
//
// How an injector joins: it implements Injector and stands in the literal table of the test that runs the set.
//
// Not here: the stories (chaos/scenario), faults of disks and limits (chaos/disk, chaos/limits), processes (chaos/testbed).
//
// Reading order: injector.go, run.go, open.go, timeline.go, losses.go, view.go, work.go, quarrel.go, judge.go, rework.go,
// lanes.go, agents.go, then network.go, processes.go, servers.go, broker.go, and for the set as a whole set.go, done.go,
// summary.go, figures.go.
package matrix
