// Package expr compiles and evaluates the expressions of specs, which are CEL (cel.dev), over one record.
//
// Invariants:
//   - The same expression and the same record give the same answer: there is no clock, no randomness and no network.
//   - Evaluation is bounded by MaxCost, compilation by MaxBytes. What is over it is an error and not a slow agent.
//   - No digit of a number is lost silently. A number without fraction and exponent is an int, above 2^63-1 a uint; any other is a
//     double, if the double says the same digits. One that is neither is an error as soon as the expression looks at it.
//   - Two members of one name are an error as soon as the expression looks at them.
//
// What is not here: what becomes of a record that an expression refuses (replay/rule, replay/transform).
//
// Reading order: expr.go, input.go, json.go.
package expr
