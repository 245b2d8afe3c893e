// Package proxy is a network of relays in user space, for machines on which nobody may make namespaces (chaos/netns). Each host has
// two loopback addresses: one that everybody knows, where relays listen, and one that its processes listen on. What arrives at a
// relay is judged by the same rules (chaos/rule), and passed on, held, dropped or reset.
//
// Who sends: a datagram comes from the address that its sender listens on. A connection comes from no address that says anything,
// and who made it is asked of the kernel: the process that holds the other end of the socket is the host's that started it.
// Everything else is the operator's.
//
// Invariants:
//   - It needs no right that a user does not have, and nothing has to be swept: sockets end with the process.
//   - Order is kept between two hosts.
//   - What can not be done to a stream is refused (Cannot), not done to datagrams only.
//
// What it can not do, because the kernel acknowledges what a relay reads: a connection through a cut is made and then says nothing,
// where on a real network the dialer would wait; a piece that is lost comes again after a while, as TCP has it, but only once it
// passes; and nothing can be reordered, doubled, altered or be too long within a stream.
//
// Not here: what to do when (chaos/matrix), and the processes in the hosts (chaos/process).
//
// Reading order: lab.go, host.go, stream.go, datagrams.go, owner.go.
package proxy
