// Package chart holds the Helm chart to its promises: it is rendered as helm renders it, what comes out is read strictly into the types of
// Kubernetes, and a configuration that an agent would refuse is found here.
//
// Invariants:
//   - deploy/kubernetes is what the chart gives for its default values, byte for byte.
//   - What deploy/chaos-mesh aims at is what the chart makes.
//
// It needs bin/backstitch (make build). There is no cluster here: that the objects do on one what they say was not tried.
package chart
