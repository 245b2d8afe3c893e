// Package conductor drives flows: it reads the book, does what is due, and settles in the book what came of it.
//
// Invariants:
//   - Only the leader conducts, and it holds no state that could not be lost with it. Which steps there are, which attempt runs under which
//     token, and what came of it are facts (fsm.Flow); what is due is fsm/flow's arithmetic.
//   - An attempt is in the book before anything is done about it (fsm.BeginStep). A leader that finds one that it did not begin does the
//     same again, under the token in the book, which the other end knows it by; where the other end knows no tokens (idempotent: false), it
//     does nothing and fails the attempt as lost.
//   - A program is begun by the node that the step names, which has it in a journal; which data that node had is in the book before it is asked.
//   - A plan is made again as often as leaders die, and becomes a job once: by the command that hands it in (fsm.PlanStep).
//   - What a step was told by strangers is neither followed nor kept: no redirects, no metadata services, answers up to a limit, secrets by
//     reference and never over plain http (cluster/notify's guard).
//
// What is not here: the rules of the graph (fsm/flow), what a person writes (replay/spec), how a plan is
// made, how groups are reached and how a job is taken back (cmd wires a Planner, a Consumers, a Rollbacker),
// how a program runs (cluster/program).
//
// Reading order: step.go, http.go, run.go, consumers.go, rollback.go, exec.go, loop.go, act.go.
package conductor
