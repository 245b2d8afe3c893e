package tracing

import (
	"context"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/trail"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// look is how often the book is looked at for jobs that have ended.
const look = time.Second

// Book is what Jobs reads. *cluster.Node is one.
type Book interface {
	ID() partition.NodeID
	Leader() partition.NodeID
	ClusterID() string
	View() (*fsm.View, error)
}

// Jobs makes the span of each job that ends while this node leads: from when it was handed in to its end, with the slices of all nodes below it. It
// has ids that every node knows (trail.Job), so when leadership changes in that second, two nodes send the same span or none does.
type Jobs struct {
	book   Book
	tracer trace.Tracer
	clock  func() time.Time
	index  uint64
	ended  map[partition.JobID]bool // every job of the book; nil before the first look
}

// NewJobs makes a Jobs. Jobs that have ended before its first look are told of by nobody.
func NewJobs(book Book, tracer trace.Tracer, clock func() time.Time) *Jobs {
	return &Jobs{book: book, tracer: tracer, clock: clock}
}

// Run looks until ctx ends, and once more then.
func (j *Jobs) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			j.Look()
			return nil
		case <-tick.C:
			j.Look()
		}
	}
}

// Look makes spans of the jobs that have ended since the last look. A book that can not be read is looked at again later.
func (j *Jobs) Look() {
	view, err := j.book.View()
	if err != nil {
		return
	}
	defer view.Close()
	if view.Applied() == j.index {
		return
	}
	now := map[partition.JobID]bool{}
	for job, err := range view.Jobs() {
		if err != nil {
			return
		}
		now[job.ID] = job.State.Terminal()
		if j.ended != nil && now[job.ID] && !j.ended[job.ID] && j.book.Leader() == j.book.ID() {
			_, scan, err := view.Scan(job.ID)
			j.tell(job, scan && err == nil)
		}
	}
	j.ended, j.index = now, view.Applied()
}

func (j *Jobs) tell(job fsm.Job, scan bool) {
	name := "job"
	if scan {
		name = "scan"
	}
	ctx := trail.Root(context.Background(), trail.Job(j.book.ClusterID(), job.ID))
	_, span := j.tracer.Start(ctx, name, trace.WithNewRoot(), trace.WithTimestamp(time.Unix(0, job.CreatedUnixNanos)), trace.WithAttributes(
		attribute.String(trail.Attribute, string(job.ID)), attribute.String("backstitch.name", job.Name), attribute.String("backstitch.namespace", job.Namespace),
		attribute.String("backstitch.state", job.State.String()), attribute.Int64("backstitch.records", job.Records), attribute.Int64("backstitch.bytes", job.Bytes),
		attribute.Int64("backstitch.slices", int64(job.Slices))))
	if job.FailedSlices > 0 {
		span.SetStatus(codes.Error, job.Why)
	}
	end := job.FinishedUnixNanos
	if end == 0 {
		end = j.clock().UnixNano()
	}
	span.End(trace.WithTimestamp(time.Unix(0, end)))
}
