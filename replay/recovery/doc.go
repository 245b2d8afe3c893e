// Package recovery turns what is missing into a frozen plan, and a plan into what the cluster is asked to do.
//
// A Plan is complete: it names every position that will be written and every object that will be read, so running it later
// does the same, or is refused because the world moved. Nothing in it is computed again from "now".
//
// Invariants:
//   - Build writes nothing, anywhere.
//   - The same world gives the same plan, byte for byte, and so the same name and the same job.
//   - A plan file that was changed is refused, as is one of another cluster or of a newer program.
//   - A plan never asks for what the target would refuse, as far as the target says so beforehand.
//   - What can not be recovered is in the plan, as such. It is reported, not invented.
//
// What is not here: finding what is missing (replay/gap), cutting (partition/plan), opening real ends (replay/recovery/reach),
// whether another job holds the same partitions (the book, when the plan is submitted).
//
// Reading order: recipe.go, recipe_spec.go, clients.go, plan.go, build.go, compare.go, freeze.go, preflight.go, repeat.go, person.go, columns.go,
// file.go, pack.go, fresh.go, render.go, errors.go.
package recovery
