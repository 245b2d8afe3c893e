// Package synth learns what a topic looks like without keeping any of it, and makes records that look alike.
//
// A Profile is what is learnt: how many records each partition has and when in the day they come, how large keys, values and
// headers are, how often keys come again, how well values compress. A Generator makes records of a profile and a seed. A Planted
// is what a replica lacks on purpose, for scoring who looks for it.
//
// Invariants:
//   - A profile holds counts, sizes and times to the hour. No byte of a key, a value or a header's value is in it, and no name of
//     a header unless Options.KeepNames asks for them. Options.KeepShape keeps names of members in JSON, and of those only such as come
//     again: one that a hundredth of the objects do not have is a datum rather than a member.
//   - Of values that name a schema it holds that schema, and of each place of it counts and classes of sizes. A place is named by the schema alone.
//   - What a Learner holds is bounded for each partition, whatever it is shown.
//   - A record is a pure function of profile, seed, number of records, partition and index: nothing has to be remembered about
//     a million of them, and what was lost can be told without a list.
//
// Not here: reading and writing topics, and asking a registry for schemas (synth/replica).
//
// Reading order: profile.go, sizes.go, sketch.go, learn.go, generate.go, shape.go, schema.go, place.go, avro.go, proto.go, jsonschema.go, loss.go.
package synth
