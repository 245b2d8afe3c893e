package tracing

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// queue holds spans that have ended. Whoever ends one never waits.
type queue struct {
	full    chan struct{} // there is a batch
	limit   int
	dropped prometheus.Counter

	mu   sync.Mutex
	list []sdk.ReadOnlySpan
}

func newQueue(limit int, dropped prometheus.Counter) *queue {
	return &queue{full: make(chan struct{}, 1), limit: limit, dropped: dropped}
}

// OnStart is sdk.SpanProcessor's.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd is sdk.SpanProcessor's.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) >= q.limit {
		q.dropped.Inc()
		return
	}
	q.list = append(q.list, s)
	if len(q.list) >= batch {
		select {
		case q.full <- struct{}{}:
		default:
		}
	}
}

// take removes the n oldest spans.
func (q *queue) take(n int) []sdk.ReadOnlySpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.list))
	out := append([]sdk.ReadOnlySpan(nil), q.list[:n]...)
	q.list = append(q.list[:0:0], q.list[n:]...)
	return out
}

// giveBack puts spans back in front that were not sent.
func (q *queue) giveBack(list []sdk.ReadOnlySpan) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(list, q.list...)
	if over := len(q.list) - q.limit; over > 0 {
		q.list = q.list[over:]
		q.dropped.Add(float64(over))
	}
}

// Shutdown is sdk.SpanProcessor's; Run empties the queue.
func (q *queue) Shutdown(context.Context) error { return nil }

// ForceFlush is sdk.SpanProcessor's.
func (q *queue) ForceFlush(context.Context) error { return nil }
