// Package open turns a recipe into the two ends of a job: a source to read, a sink to write, and a way to read the target
// back. Agents use it for every job that they work on, and the command line for what it compares itself.
//
// Invariants:
//   - A recipe holds no secret. It names a connection of the agent's, which wins over addresses in the recipe.
//   - Nothing is connected before it is used. What is wrong with a recipe shows at once all the same.
//
// What is not here: how places are reached (replay/connect), what a recipe means (replay/recovery).
package open
