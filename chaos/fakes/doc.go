// Package fakes is a Kafka and an S3 store in memory that fail on purpose: errors, delays, connections that break before a
// request is processed and after it, listings of yesterday, bodies that end early. They run inside a testing/synctest bubble,
// where nothing waits for a real socket, and also on loopback.
//
// Invariants:
//   - The broker behind is franz-go's kfake and the store behind is gofakes3; this package changes only what is on the way, and
//     so an ambiguous request was really processed: what the client must find out is the truth.
//   - Every fault that is injected answers how often it hit something (Injected.Hits). A fault without a hit has shown nothing.
//   - Nothing is accepted and ignored: a fault that can not be done here is refused with ErrCannot.
//   - One seed draws all chances. Requests of several goroutines draw in the order in which they arrive, so that the seed
//     decides the faults, and the scheduler who meets them.
//
// Faults act on whole requests: wire.go cuts the byte streams of the Kafka protocol into them and knows nothing else about them.
//
// Not here: clients that speak to the fakes (replay), verdicts (check), a Kafka that loses acknowledged records: kfake can not
// be told to forget its newest ones.
//
// Reading order: rule.go, kafka.go, wire.go, network.go, kafkafault.go, store.go, storefault.go, list.go.
package fakes
