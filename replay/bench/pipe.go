package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/sink"
	kafkasink "backstitch/replay/sink/kafka"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// The pipe: what one would write for this archive and this topic, and nothing besides. It is meant to be fast, not good: it
// can not resume, does not know what it wrote, and trusts every byte.

// Load is one run's work: what to read, where to write it.
type Load struct {
	Bucket  bucket.Bucket
	Codec   string
	Objects map[int32][]partition.Object
	Broker  string
	Topic   string
	Lanes   int  // partitions at a time
	Origin  bool // add the headers that say where a record came from
	Serial  int  // makes names of transactions and jobs differ
	Commit  CommitLimits
}

// CommitLimits are the same for both.
type CommitLimits struct {
	Records int64
	Every   time.Duration
}

// Pipe runs the load by hand and returns how many records it wrote.
func Pipe(ctx context.Context, load Load) (int64, error) {
	var n atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(load.Lanes)
	for part, objects := range load.Objects {
		g.Go(func() error {
			w, err := newPipeWriter(load, part)
			if err != nil {
				return err
			}
			defer w.cl.Close()
			for _, o := range objects {
				if err := w.object(ctx, o); err != nil {
					return fmt.Errorf("%s: %w", o.Key, err)
				}
			}
			if err := w.commit(ctx); err != nil {
				return err
			}
			n.Add(w.total)
			return nil
		})
	}
	err := g.Wait()
	return n.Load(), err
}

type pipeWriter struct {
	load  Load
	part  int32
	cl    *kgo.Client
	room  *semaphore.Weighted
	gz    *gzip.Reader
	zs    *zstd.Decoder
	sn    *s2.Reader
	lz    *lz4.Reader
	total int64
	since int64
	begun time.Time
	fail  atomic.Pointer[error]
}

// slab is a run of records on its way to the broker.
type slab struct {
	recs []kgo.Record
	left atomic.Int64
	size int64
	text *text
	w    *pipeWriter
}

var slabs = sync.Pool{New: func() any { return new(slab) }}

func newPipeWriter(load Load, part int32) (*pipeWriter, error) {
	cfg := kafkasink.DefaultConfig()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(load.Broker),
		kgo.TransactionalID(fmt.Sprintf("pipe/%d/%d", load.Serial, part)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(cfg.BatchBytes),
		kgo.ProducerBatchCompression(cfg.Compression),
		kgo.ProducerLinger(cfg.Linger),
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	)
	if err != nil {
		return nil, err
	}
	w := &pipeWriter{load: load, part: part, cl: cl, room: semaphore.NewWeighted(cfg.InFlightBytes), begun: time.Now()}
	return w, cl.BeginTransaction()
}

func (w *pipeWriter) object(ctx context.Context, o partition.Object) error {
	t := texts.Get().(*text)
	t.uses.Store(1)
	defer t.done()
	if err := w.read(ctx, o, t); err != nil {
		return err
	}
	text := t.b
	at := o.Base
	for len(text) > 0 {
		// About a mebibyte at a time.
		cut := min(len(text), 1<<20)
		if end := bytes.IndexByte(text[cut-1:], '\n'); end >= 0 {
			cut += end
		} else {
			cut = len(text)
		}
		n, err := w.produce(ctx, t, text[:cut], at)
		if err != nil {
			return err
		}
		text = text[cut:]
		at += n
		if w.since >= w.load.Commit.Records || time.Since(w.begun) >= w.load.Commit.Every {
			if err := w.commit(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// text is the content of one object. Its memory is used again once the broker has everything of it.
type text struct {
	b    []byte
	raw  []byte
	uses atomic.Int64
}

var texts = sync.Pool{New: func() any { return new(text) }}

func (t *text) done() {
	if t.uses.Add(-1) == 0 {
		texts.Put(t)
	}
}

func (w *pipeWriter) read(ctx context.Context, o partition.Object, t *text) error {
	body, _, err := w.load.Bucket.Get(ctx, o.Key, o.ETag)
	if err != nil {
		return err
	}
	defer body.Close()
	switch w.load.Codec {
	case "json.gz":
		if w.gz == nil {
			w.gz = new(gzip.Reader)
		}
		if err := w.gz.Reset(body); err != nil {
			return err
		}
		t.b, err = readInto(t.b, w.gz)
		return err
	case "json.zst":
		if w.zs == nil {
			if w.zs, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
				return err
			}
		}
		if t.raw, err = readInto(t.raw, body); err != nil {
			return err
		}
		t.b, err = w.zs.DecodeAll(t.raw, t.b[:0])
		return err
	case "json.snappy":
		if w.sn == nil {
			w.sn = s2.NewReader(nil)
		}
		w.sn.Reset(body)
		t.b, err = readInto(t.b, w.sn)
		return err
	case "json.lz4":
		if w.lz == nil {
			w.lz = lz4.NewReader(nil)
		}
		w.lz.Reset(body)
		t.b, err = readInto(t.b, w.lz)
		return err
	}
	t.b, err = readInto(t.b, body)
	return err
}

func readInto(b []byte, r io.Reader) ([]byte, error) {
	buf := bytes.NewBuffer(b[:0])
	_, err := buf.ReadFrom(r)
	return buf.Bytes(), err
}

func (w *pipeWriter) produce(ctx context.Context, from *text, text []byte, at int64) (int64, error) {
	if err := w.fail.Load(); err != nil {
		return 0, *err
	}
	s := slabs.Get().(*slab)
	from.uses.Add(1)
	s.w, s.text, s.size, s.recs = w, from, int64(len(text)), s.recs[:0]
	if err := w.room.Acquire(ctx, s.size); err != nil {
		return 0, err
	}
	prefix := topicName + "/" + strconv.Itoa(int(w.part)) + "/"
	job := []byte(fmt.Sprint("pipe-", w.load.Serial))
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			end = len(text) - 1
		}
		r := kgo.Record{Topic: w.load.Topic, Partition: w.part, Value: text[:end:end]}
		if w.load.Origin {
			r.Headers = []kgo.RecordHeader{
				{Key: sink.OriginHeader, Value: strconv.AppendInt([]byte(prefix), at+int64(len(s.recs)), 10)},
				{Key: sink.JobHeader, Value: job},
			}
		}
		s.recs = append(s.recs, r)
		text = text[end+1:]
	}
	n := int64(len(s.recs))
	s.left.Store(n)
	promise := s.promise
	for i := range s.recs {
		w.cl.Produce(ctx, &s.recs[i], promise)
	}
	w.total += n
	w.since += n
	return n, nil
}

func (s *slab) promise(_ *kgo.Record, err error) {
	if err != nil {
		s.w.fail.CompareAndSwap(nil, &err)
	}
	if s.left.Add(-1) > 0 {
		return
	}
	s.w.room.Release(s.size)
	clear(s.recs)
	s.text.done()
	s.w, s.text = nil, nil
	slabs.Put(s)
}

func (w *pipeWriter) commit(ctx context.Context) error {
	if err := w.cl.Flush(ctx); err != nil {
		return err
	}
	if err := w.fail.Load(); err != nil {
		return *err
	}
	if err := w.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	w.since, w.begun = 0, time.Now()
	return w.cl.BeginTransaction()
}
