// Package observe takes the samples that replay/sentinel judges, from a Kafka cluster and by describing only: no record is read,
// no group is joined, nothing is written. What a principal may not see becomes a line under "not checked" and no error; a
// cluster that does not answer is an error.
//
// Reading order: observe.go.
package observe
