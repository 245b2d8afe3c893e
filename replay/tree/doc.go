// Package tree reads the JSON value of a record into a tree whose numbers keep their digits.
//
// Invariants:
//   - A number is the json.Number that it is spelt as: nothing in here makes a float64 of it. Comparisons go by decimal digits.
//   - Of two members with one name neither is taken: their place holds Twice. Nobody can tell which one is meant.
//
// What is not here: changing a value, which goes by bytes so that the rest of it stays as it is (replay/transform).
//
// Reading order: tree.go, decimal.go.
package tree
