// Package watch counts the topics of a cluster's datasets by the hour, as their specs ask for, and hands what it has learned to the book.
//
// A look reads what is new of one topic, each record once: a scan compares all of it with the reference, which is what is much to read, and is due
// less often than an hour ends. So counting is a pass of its own, and what it finds may start a scan.
//
// Invariants:
//   - What is learned goes on from the hour that the book has, and the book refuses what went on from another: nobody has to be the only one who
//     counts, and an hour is learned once whoever dies.
//   - A node looks at one topic at a time, at the rate that the dataset says, and says so before (a claim), so that others do not read the same.
//   - Which node is first is drawn anew for each hour and each failure. None of it needs a leader but the commands themselves.
//   - A look that fails is noted with its reason, and everybody waits longer each time.
//   - Nothing is written but into the book.
//
// What is not here: how hours are judged (replay/sentinel/anomaly, replay/sentinel/baseline); that something unusual is told once (fsm.SaveBaseline).
//
// Reading order: recipe.go, look.go, watcher.go.
package watch
