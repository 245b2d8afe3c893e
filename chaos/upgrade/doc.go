// Package upgrade replaces the program under a cluster while a job runs: node after node, as docs/operate.md says.
//
// The older program is made of this one: Older takes away the newest cluster version, with the ops that came with it. So there always is
// one, it differs in exactly what an upgrade is about, and a version that is added without thinking of older members fails here.
//
// Invariants:
//   - The job ends well, verify passes, and an independent reader finds in each partition exactly what was produced, in that order.
//   - While one member runs the older program the cluster keeps its version, and the newest when none does.
//   - When the cluster has the newest version, the older program refuses it with the status that is documented, and changes nothing.
//
// Reading order: older.go, upgrade_test.go.
package upgrade
