// Package baseline learns how many records an hour usually has, and says when there is reason to look. It is arithmetic: no clock, no I/O,
// no randomness, and the same hours give the same judgements.
//
// A Series is one measure of one place, e.g. the records of a partition. What an hour should have is a product of three things that are
// each a quotient of sums, and so can be read by a person: a level that follows trends, how this hour of the day stands to the level,
// and how this hour of the week does. An hour of the week that was seen seldom leans on the hour of the day, and that on the level.
// Sources are the senders of records, each held against its share of what all of them send.
//
// Invariants:
//   - Nothing is judged before two whole weeks were seen (WarmHours).
//   - No single hour is an alarm. Evidence adds up over hours (a CUSUM of standardized differences), and hours as expected wear it off.
//   - How far a count may be off has a floor, which is what independent arrivals vary by. Few records are no alarm because they are few.
//   - While there is an alarm nothing is learned, so that an outage does not become what is usual; else only as much of a difference is
//     learned as is within what was usual. An alarm that lasts for RelearnHours is taken for a new usual, once.
//   - An hour that was not observed is not an hour of zero records.
//   - A state has a bound: MaxSeriesBytes, and MaxSourceBytes for each of at most MaxSources.
//
// What is not here: reading records (replay/sentinel/anomaly).
//
// Reading order: series.go, fit.go, evidence.go, source.go, sources.go, encode.go, tuning.go.
package baseline
