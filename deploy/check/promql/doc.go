// Package promql holds what asks Prometheus, alerts and dashboards, to what the program tells it.
//
// Not here: how rules behave over time, which promtool tests (deploy/alerts/tests).
package promql
