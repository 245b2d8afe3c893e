// Package ui is the web page of a node: what the cluster knows, for people who look rather than read, above all where records are missing.
//
// It is a client of the node's own API and of nothing else. Each page asks the API as any program would, inside the process and with what its
// visitor has to show, so it can show and do what that visitor may and no more, and each change is in the audit trail like one from a command
// line. It reads the book alone: no click reaches a broker or a bucket.
//
// Invariants:
//   - Pages are whole without a script: lists, forms, links, and pictures but one, which are made here as SVG. What scripts add is that a page follows
//     what happens, and the picture of a heatmap, of which the list below it says the same in words.
//   - The address of a page is all of its state but for looks and zone, which are those of who reads.
//   - Nothing is executed, drawn or sent that does not come from this node: the policy in headers.go forbids it.
//   - A state is a word or a letter, and a colour besides. Times of a page are of one zone, UTC unless its visitor wants another, and say so.
//   - A form changes something only when it comes from a page of this node.
//
// What is not here: what the data side makes of a scan or a plan (Insight, which cmd fills in), and who may do what (the API).
//
// Reading order: server.go, headers.go, inside.go, page.go, text.go, then a file a page, with curves.go for pictures and incident for its Markdown; actions.go for what forms do, live.go for what
// follows, login.go for who asks.
package ui
