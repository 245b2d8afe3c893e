// Package chaosmesh holds stories of the chaos suite as objects of Chaos Mesh 2, for clusters on Kubernetes whose machines can be
// hurt from outside: packets lost, disks slow, clocks wrong.
//
// Invariants:
//   - Each object names the story that it tells, and the story does what the object does.
//   - Each object aims at agents of staging alone, by namespace and by the labels app.kubernetes.io/name and
//     backstitch.dev/environment, and what lasts has an end.
//
// The objects are read strictly by a test against the fields that they use. They were not run on a cluster.
//
// Not here: stories that nodes do to themselves (chaos/staging), and judging a run (backstitch verify).
package chaosmesh
