// Package rule says what becomes of what one party sends to another: it is lost, late, twice, out of order, altered, answered with a
// reset, or let through at a rate. Networks that are hurt ask it about each packet, or about each piece of a stream.
//
// Invariants:
//   - A rule counts what it did (Rule.Hits), so that a fault that hit nothing can be told from one that did no harm.
//   - What chance decides is decided by a seed that is given.
//   - An effect that does nothing is refused, and so is a party that nobody knows.
//
// Not here: carrying anything (chaos/netns, chaos/proxy), and what to do when (chaos/matrix).
//
// Reading order: match.go, effect.go, rule.go, set.go.
package rule
