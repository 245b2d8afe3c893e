// Package engine runs one slice: read, leave out what is there already, write, commit. It is a step function that tests
// drive one step at a time; Run is the loop around it.
//
// Invariants:
//   - Progress is what the sink says is durable. After an unknown outcome the engine opens the sink again and believes it.
//   - What Checkpoint returns was durable in the target before it was returned.
//   - A record is written, suppressed or quarantined, exactly one of these, and counted once.
//   - Memory is bounded: at most Config.ReadAheadBytes wait between source and sink, and the sink bounds what is in flight.
//   - Nothing runs any more when Run has returned.
//
// What is not here: leases, retries and many slices at once (replay/worker), the two ends themselves (replay/source,
// replay/sink), what counts as the same record (replay/record).
//
// Reading order: config.go, engine.go (the steps), copy.go (what happens to a batch), pace.go, few.go and stagger.go (how
// large commits are, and when), quarantine.go, ahead.go.
package engine
