// Package refusals hands the program bad input, as a person who makes mistakes would, and judges what comes back: the exit status,
// the code, the name of the object, what to type next, and that nothing was lost by it.
//
// It sees the program only from outside: the binary, three agents as processes, the sandbox's Kafka and S3, files. It is run by
// `make test-process` (build tag process); BACKSTITCH_BIN names another binary than the one that it builds for itself.
//
// Invariants:
//   - Every refusal is looked at twice, for people and with -o json, and both have to say the same.
//   - Around every refusal the records of all topics, the objects of the archive and the book of jobs are compared.
//   - A node that is hurt may end or come back; the other two answer all the time.
//
// Not here: crashes and frozen nodes (realtest, failover), and damage bit by bit (the tests of storage, fsm and cluster).
//
// Reading order: site_test.go, refuse_test.go, then one file per kind of mistake.
package refusals
