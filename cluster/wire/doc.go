// Package wire is what nodes say to each other beside Raft and gossip: requests and answers in frames on one connection.
//
// Invariants:
//   - A frame is a length (4 bytes, big endian), a type and a body. A length above the limit is an error before anything is
//     allocated, and no text, list or blob is longer than what is left of its frame.
//   - Decoding is strict: a body with a byte more or less is ErrFrame, an unknown type is ErrType. Fields have a fixed order.
//   - One request at a time on a connection, so an answer can not be taken for another one.
//   - A failed Call says whether the request may have reached the other side (Sent).
//
// The bodies are hand-written rather than msgpack: there are a dozen of them, none is stored, and the two loops here can be
// read in a minute. Commands and results travel as the bytes of fsm.
//
// Not here: who is asked and what is done (cluster), certificates (cluster/access).
//
// Reading order: message.go, codec.go, frame.go, pool.go.
package wire
