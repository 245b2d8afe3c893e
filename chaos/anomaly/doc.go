// Package anomaly measures what baselines find: losses with labels are put into series, and what is called an anomaly is held against the
// labels.
//
// A seed decides everything. Series are generated, with seasons of days and weeks, trends, noise that lasts and bursts, or are real: departures of
// half a year, by hour. A family is many series with one kind of loss, or with none and something that looks like one.
//
//   - An alarm that overlaps a loss, or begins within half a day of its end, has found it; every other alarm is a false one.
//   - Precision is the part of alarms that are true, recall of losses that are found. Lead is how many hours after its begin a loss is found,
//     the median and the ninth of ten, and false alarms are given per series and four weeks.
//   - Bounds are what was measured, less a margin. A family that judged no hour fails.
//   - What a real series had of storms and holidays has no label, and counts as false.
//
// Reading order: series_test.go, score_test.go, families_test.go, real_test.go.
package anomaly
