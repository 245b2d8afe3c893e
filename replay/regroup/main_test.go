package regroup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/klog"
	"backstitch/replay/offsetmap"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	sinkkafka "backstitch/replay/sink/kafka"
	sourcekafka "backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	group = "billing"
	old   = "orders"
	fresh = "orders-v2"
)

// world is a broker with two topics: orders has 0 to 19 in each partition, orders-v2 lacks the first five and has 10 at its end.
type world struct {
	*replaytest.Kafka
	t   *testing.T
	cl  *kgo.Client
	dir string
	cut atomic.Bool // the next answer that the client would read is lost
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Kafka: replaytest.NewKafka(t, old, fresh), t: t, dir: t.TempDir()}
	// One try: what a retry would put right is what is looked at here.
	w.cl = w.Client(kgo.RequestRetries(0), kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, host)
		return &deaf{Conn: c, cut: &w.cut}, err
	}))
	for part := range int32(replaytest.Partitions) {
		w.Produce(old, part, values(0, 20)...)
		w.Produce(fresh, part, slices.Concat(values(5, 10), values(11, 20), values(10, 11))...)
	}
	return w
}

// deaf is a connection that ends where an answer would come.
type deaf struct {
	net.Conn
	cut *atomic.Bool
}

func (d *deaf) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if d.cut.CompareAndSwap(true, false) {
		return 0, errors.Join(net.ErrClosed, d.Close())
	}
	return n, err
}

func values(from, to int) []record.Record {
	var out []record.Record
	for i := from; i < to; i++ {
		out = append(out, record.Record{Value: fmt.Append(nil, i), TimestampMs: 1_700_000_000_000 + int64(i)})
	}
	return out
}

// commit commits a position as an application does.
func (w *world) commit(topic string, part int32, offset int64, metadata string) {
	w.t.Helper()
	offs := kadm.Offsets{}
	offs.Add(kadm.Offset{Topic: topic, Partition: part, At: offset, LeaderEpoch: 0, Metadata: metadata})
	if err := kadm.NewClient(w.Client()).CommitAllOffsets(w.t.Context(), group, offs); err != nil {
		w.t.Fatal(err)
	}
}

// positions are where the group stands in a topic.
func (w *world) positions(topic string) map[int32]Commit {
	w.t.Helper()
	out, err := commits(w.t.Context(), w.Client(), group, topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) look() *Seen {
	w.t.Helper()
	seen, err := Look(w.t.Context(), group, End{"here", w.cl, old}, End{"here", w.cl, fresh})
	if err != nil {
		w.t.Fatal(err)
	}
	return seen
}

func (w *world) offsets() *offsetmap.Map {
	w.t.Helper()
	src, err := sourcekafka.New(w.cl, sourcekafka.Config{Topic: old})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := sinkkafka.DefaultConfig()
	cfg.Topic, cfg.SourceTopic, cfg.Cluster, cfg.Client = fresh, fresh, "reader", w.Opts()
	tgt, err := sinkkafka.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	defer tgt.Close()
	log, err := klog.Watermarks(w.t.Context(), w.cl, old)
	if err != nil {
		w.t.Fatal(err)
	}
	in := offsetmap.Input{SourceTopic: old, Source: src, Target: tgt, Extents: map[int32]gap.Extent{}}
	for n, mark := range log.Partitions {
		in.Extents[n] = gap.Extent{Range: partition.Range{From: mark.LogStart, To: mark.LSO}}
	}
	m, err := offsetmap.Build(w.t.Context(), in, offsetmap.DefaultConfig())
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) plan() *Plan {
	w.t.Helper()
	return w.look().Plan(w.offsets(), Options{Choice: offsetmap.Replay, NowMs: 1})
}

func (w *world) access() Access { return Access{w.cl, w.cl} }

func (w *world) receipt() string { return filepath.Join(w.dir, "receipt") }

func (w *world) apply(p *Plan) (*Receipt, error) {
	return p.Apply(w.t.Context(), w.access(), "hash", w.receipt(), 2)
}

// once lets the first request of a kind through f.
func (w *world) once(key kmsg.Key, f func(req kmsg.Request) (kmsg.Response, error, bool)) {
	var seen atomic.Bool
	w.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if seen.Swap(true) {
			return nil, nil, false
		}
		return f(req)
	})
}

// code is that of a refusal, "" when err is nil.
func code(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return err.Error()
}
