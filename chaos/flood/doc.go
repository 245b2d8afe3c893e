// Package flood measures what strangers who can reach a node's doors cost the work that it does: a real Apache Kafka, real agents that refill a topic
// as fast as they can, a thousand clients that connect and say nothing, and five thousand requests a second of garbage. It is a benchmark, run by
// `make bench-flood` (build tag flood), and no part of `make test`: its figures depend on the machine.
//
// What sends the garbage costs about as much as what it is sent to, and would be on another machine. So the servers get one half of the cores, and who
// sends the other one; and where nobody floods the agents the same garbage is sent to a sink on the senders' half. What is left of the difference is what
// the doors cost.
//
// The agents have certificates and gossip keys, as all have that somebody else can reach. Who floods the API with requests has a certificate, too, and no
// role; who brings noise has nothing.
//
// Invariants:
//   - Every request is due at a time that does not depend on the answers. What could not be sent then, since each connection waited for an answer, was
//     held off by the door, and is counted as that.
//   - That who sends could have sent it all is shown by the sink, which holds nobody off: a flood that is none fails.
//
// Not here: that what is garbage is refused (refusals, fuzz targets of the decoders), how a request is refused (cluster/admin/door).
//
// Reading order: garbage.go, sink.go, idle.go, cores.go, flood_test.go.
package flood
