// Package shares holds the leader's decisions and the division of budgets against each other while people change both: 50 jobs with 10,000
// slices on 40 nodes in virtual time, whose limits at cluster, namespace, target and job are lowered, raised and taken away and whose
// priorities change, while nodes and leaders die.
//
// What decides is the program's own code: leader.Loop gives lanes, quota.Divider divides, throttle.Quota keeps to what it was given, and
// replay's lanes ask it for each batch. The book is a small model of the rules that matter here; there is no network but for answers that
// are lost.
//
// What has to hold, at every step: no scope spends more than 5 % above its budget in any five seconds, where a lowered one has two
// seconds to be heard of; a lane that runs goes on; a job that waits gets its turn; leases move for deaths and for priorities, and never
// for a limit.
//
// Not here: real rafts, networks and brokers (sim, bubble, matrix), whether deadlines are met (cluster/leader), lags of others (replay/pace).
//
// Reading order: book_test.go, world_test.go, shares_test.go.
package shares
