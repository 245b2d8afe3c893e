// Package mutant plants bugs into the program and looks whether the tests see them.
//
// A suite that never fails proves nothing about what it watches. Each Mutant is a change of a few words that breaks one promise, as
// a tired person would break it, together with the test that has to fail because of it.
//
//   - Production code has no switch for any of this: a mutant is a text, laid over one file by the go command's -overlay. So no
//     build can ship a bug by a wrong tag, and nobody reads past conditions that are never true.
//   - Old stands in its file exactly once. When the code moves on the mutant is stale, which fails an ordinary test at once.
//   - A catch is an assertion of the named test: "--- FAIL" of that name. A program that does not build, a panic, a timeout and a
//     failure of another test are no catch.
//   - The same test, with the same arguments, passes on the program as it is. Otherwise it catches nothing by failing. For that, those
//     of one package run in one binary, since to link it is most of a short test.
//
// What is not here: random mutations. Those find tests that are missing; these hold the promises that must never be without one.
//
// Reading order: table.go, table_cluster.go, run.go.
package mutant
