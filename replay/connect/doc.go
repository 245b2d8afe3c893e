// Package connect turns addresses and credentials into clients: a Kafka client from brokers, TLS and SASL, a bucket from a
// URL, a schema registry from its address and login. It is the only place that knows how a secret is found.
//
// Invariants:
//   - A secret is only ever named, "env:NAME" or "file:PATH", never written into a configuration. It is read when a client is
//     made and not kept, and no error or log line shows it.
//   - What cannot be reached is found out by Ping in bounded time, and said with the address, the reason, what to do and a
//     stable code.
//   - An S3-compatible store gets path-style addresses and no checksum trailers unless it asks for them; AWS gets both the
//     way AWS wants them.
//
// What is not here: which topics and objects there are (replay/klog and the sources).
//
// Reading order: error.go, secret.go, kafka.go, bucket.go, registry.go.
package connect
