// Package stories tells the scenarios that are about data: what retention, elections, transactions, compaction and broken
// archives do to records before a recovery begins, or between its plan and its run. Nothing is done to the cluster meanwhile,
// so one agent and one depot serve all of them, with a topic and an archive for each.
//
// Invariants:
//   - The truth is kept by the test, record by record, before the product sees any of them.
//   - A job that is refused has written nothing: the topic is read before and after.
//   - A reader of our own judges, and first checks that it has read to the end and that there was something to find.
//   - A scenario that needs what this package can not do is refused, and fails.
//
// Not here: clusters that are hurt (matrix, bubble), the scenarios (scenario). Build tag chaos; needs bin/backstitch.
//
// Reading order: stories_test.go, world_test.go, ways_test.go, poison_test.go, listing_test.go,
// retention_test.go, judge_test.go.
package stories
