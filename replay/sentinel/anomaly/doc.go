// Package anomaly reads a topic, counts by the hour, and holds the hours against what such hours usually have (replay/sentinel/baseline): records of
// the topic and of each partition, records without a value or a field, records that are late, and the share of each sender.
//
// Invariants:
//   - An hour counts when it is over, for all partitions, and all of it is still in the topic. Others were not seen.
//   - What a topic has alarmed of is not said again of each of its partitions.
//   - A finding says what was expected, what was seen, and for how long. It never says that something is lost.
//   - A state holds what was learned up to the hours that are judged, so that a second look at them says the same.
//   - With Input.Once each hour is read and learned once, whoever looks; a packed state has a bound that is known beforehand.
//   - Records that a recovery of ours has written are counted nowhere: they neither alarm nor hide that producers send less.
//   - Nothing is written.
//
// What is not here: the method, and why it is so (replay/sentinel/baseline); losses that records prove (replay/gap).
//
// Reading order: count.go, judge.go, state.go, pack.go, render.go.
package anomaly
