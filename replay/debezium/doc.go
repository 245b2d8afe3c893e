// Package debezium reads the envelopes that Debezium's connectors write: what happened to which row, in which transaction, and where in
// the database's log that stands. Envelopes are JSON, bare or with a schema beside them ({"schema":..., "payload":...}).
//
// Invariants:
//   - An envelope is what has op, source and one of before and after, or a source and an op that needs neither. Everything else is
//     ErrNotEnvelope, also a row that a transform of the connector has taken out of its envelope.
//   - Two events have one identity only if they are one change. Where the position of a connector does not tell changes apart, there is
//     no identity (ErrNoIdentity), since what is taken for a repetition is not written.
//   - Positions are compared only along one log, and not by clocks. What can not be compared is Unknown, and never a guess.
//   - A snapshot's row counts as older than a change from which the connector went on, and not as older than one that it may show.
//
// What fields there are is said by the documentation of each connector (debezium.io/documentation/reference/stable/connectors), what the
// numbers of a transaction count by its chapter on transaction metadata.
//
// What is not here: values in Avro or Protobuf, which need a registry; what is made of events (replay/gap/sequence, replay/repeat,
// replay/recovery).
//
// Reading order: event.go, position.go, identity.go, boundary.go.
package debezium
