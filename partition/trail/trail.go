// Package trail says where the trace of a job is, so that all nodes add to one trace without telling each other anything.
//
//   - The ids of a job's trace and of its first span are a hash of the cluster and the job. Whoever has a record that the job has written can find
//     the trace: the header backstitch.job has the id of the job, and each span of the trace has it as Attribute.
//   - The context of a job is always sampled; whether its trace is kept is decided by its trace id, on each node alike.
//
// Spans are made by those who do the work, and cmd/backstitch/tracing sends them. Nothing here does either.
package trail

import (
	"context"
	"crypto/sha256"

	"backstitch/partition"

	"go.opentelemetry.io/otel/trace"
)

// Attribute is the key of the attribute that has the id of a job.
const Attribute = "backstitch.job"

// Job is the first span of a job's trace: the first 16 and the next 8 bytes of SHA-256 over the cluster's id, a zero byte and the id of the job.
func Job(cluster string, job partition.JobID) trace.SpanContext {
	sum := sha256.Sum256([]byte(cluster + "\x00" + string(job)))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// Within makes what is started with ctx part of a job.
func Within(ctx context.Context, cluster string, job partition.JobID) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, Job(cluster, job))
}

type rootKey struct{}

// Root makes the next span without a parent that is started with ctx have the ids of sc.
func Root(ctx context.Context, sc trace.SpanContext) context.Context {
	return context.WithValue(ctx, rootKey{}, sc)
}

// RootOf is what Root has put into ctx.
func RootOf(ctx context.Context) (trace.SpanContext, bool) {
	sc, ok := ctx.Value(rootKey{}).(trace.SpanContext)
	return sc, ok
}
