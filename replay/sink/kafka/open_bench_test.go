package kafka

import (
	"context"
	"net"
	"testing"
	"time"

	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kgo"
)

// far is how long every answer of a broker takes, and every connection.
const far = 25 * time.Millisecond

// delayed is a connection whose answers come later, however many are on their way.
type delayed struct {
	net.Conn
	chunks chan chunk
	rest   []byte
	err    error
}

type chunk struct {
	data []byte
	due  time.Time
	err  error
}

// dialFar connects to a broker that is far away.
func dialFar(ctx context.Context, network, addr string) (net.Conn, error) {
	time.Sleep(far)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d := &delayed{Conn: conn, chunks: make(chan chunk, 1024)}
	go func() {
		for {
			buf := make([]byte, 64<<10)
			n, err := conn.Read(buf)
			d.chunks <- chunk{buf[:n], time.Now().Add(far), err}
			if err != nil {
				return
			}
		}
	}()
	return d, nil
}

func (d *delayed) Read(b []byte) (int, error) {
	if len(d.rest) == 0 && d.err == nil {
		c := <-d.chunks
		time.Sleep(time.Until(c.due))
		d.rest, d.err = c.data, c.err
	}
	if n := copy(b, d.rest); n > 0 {
		d.rest = d.rest[n:]
		return n, nil
	}
	return 0, d.err
}

// A lane stands still from the moment at which it has a new owner until that owner's first commit is visible. With brokers that are
// far away nothing counts but how often somebody waits for an answer before the next question: the time of each round divided
// by that of one answer. The least of all rounds is judged, since a machine that does something else only adds to it.
func BenchmarkFirstCommitOfANewOwner(b *testing.B) {
	const limit = 24 // one after the other they were 30
	k := replaytest.NewKafka(b, topic)
	cfg := config(k)
	cfg.Client = append(cfg.Client, kgo.Dialer(dialFar))
	rs := records(b, 10)
	best := time.Hour
	for n := uint32(0); b.Loop(); n++ {
		s := open(b, cfg)
		slice := replaytest.FillSlice(job, n, 0, rs)
		began := time.Now()
		w, _ := begin(b, s, slice, 1)
		recent, err := w.Recent(b.Context(), slice.TargetTo)
		if err != nil {
			b.Fatal(err)
		}
		if err := recent.Close(); err != nil {
			b.Fatal(err)
		}
		write(b, w, rs[:5], 5)
		best = min(best, time.Since(began))
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	answers := float64(best) / float64(far)
	b.ReportMetric(answers, "answers")
	if answers > limit {
		b.Errorf("open, read what others wrote, and commit: %s, which is %.1f answers of a broker, want at most %d", best, answers, limit)
	}
}
