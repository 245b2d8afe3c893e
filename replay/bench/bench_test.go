package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source/confluent"
)

var (
	pairs   = flag.Int("bench.pairs", 7, "pairs per input")
	objects = flag.Int("bench.objects", 4, "objects per partition")
	lanes   = flag.Int("bench.lanes", 4, "partitions at a time")
	inputs  = flag.String("bench.inputs", strings.Join(Codecs, ",")+",s3:json", "codecs to measure; s3: in front reads them from an object store")
	origin  = flag.Bool("bench.origin", true, "both add origin headers")
	profile = flag.String("bench.profile", "", "file for a CPU profile of the engine")
	seed    = flag.Uint64("bench.seed", 0, "order of the runs; 0 takes one from the clock")
)

func TestMain(m *testing.M) {
	if RunChild() {
		return
	}
	os.Exit(m.Run())
}

// A small run of each, so that what is measured is known to write the same.
func TestBothWaysWriteTheSame(t *testing.T) {
	for _, in := range strings.Split(*inputs, ",") {
		t.Run(in, func(t *testing.T) { newRunner(t, in, Size{Partitions: 3, Objects: 2, Records: 150, Bytes: 1024}) })
	}
}

// BenchmarkEngineAgainstPipe measures once, whatever b.N is: it has its own statistics.
func BenchmarkEngineAgainstPipe(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	for _, in := range strings.Split(*inputs, ",") {
		r := newRunner(b, in, Size{Partitions: 8, Objects: *objects, Records: 8192, Bytes: 1024})
		r.report(in, *pairs)
		if err := r.stop(); err != nil {
			b.Error(err)
		}
	}
}

// newRunner makes the data and the other side, and runs both ways once to warm up.
func newRunner(t testing.TB, input string, size Size) *runner {
	t.Helper()
	codec, fromS3 := strings.CutPrefix(input, "s3:")
	dir := t.TempDir()
	sum, err := Generate(dir, codec, size)
	if err != nil {
		t.Fatal(err)
	}
	servers, stop, err := StartChild(dir)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(stop)
	t.Cleanup(func() { _ = stop() })
	b := openBucket(t, dir, servers, fromS3)
	archive, err := confluent.New(b, confluent.DefaultConfig(topicName))
	if err != nil {
		t.Fatal(err)
	}
	listing, err := archive.Catalog(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{
		t: t, stop: stop, size: size, sum: sum, rng: rand.New(rand.NewPCG(*seed, 0)),
		load: Load{
			Bucket: b, Codec: codec, Objects: listing.Objects, Broker: servers.Broker, Lanes: *lanes, Origin: *origin,
			Commit: CommitLimits{Records: 16 << 10, Every: time.Second},
		},
	}
	r.one(Pipe) // warm
	r.one(Engine)
	return r
}

func openBucket(t testing.TB, dir string, s Servers, fromS3 bool) bucket.Bucket {
	t.Helper()
	url, store := dir, connect.S3{}
	env := func(name string) (string, bool) { return "bench", true }
	if fromS3 {
		url, store = "s3://"+bucketName, connect.S3{Endpoint: s.Store, AccessKey: "env:ID", SecretKey: "env:SECRET"}
	}
	b, err := connect.Bucket(t.Context(), url, store, env)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type runner struct {
	t    testing.TB
	stop func() error // the other side; may be called again
	size Size
	sum  record.Sum
	rng  *rand.Rand
	load Load
}

func (r *runner) one(what func(context.Context, Load) (int64, error)) Figures {
	r.t.Helper()
	r.load.Serial++
	f, err := Measure(r.t.Context(), r.load, int32(r.size.Partitions), r.sum, what)
	if err == nil && f.Records != r.size.Count() {
		err = fmt.Errorf("%d records, want %d", f.Records, r.size.Count())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// pair runs a and b in random order.
func (r *runner) pair(a, b func(context.Context, Load) (int64, error)) (fa, fb Figures) {
	if r.rng.IntN(2) == 0 {
		fa = r.one(a)
		return fa, r.one(b)
	}
	fb = r.one(b)
	return r.one(a), fb
}

func (r *runner) report(input string, n int) {
	var cpu, wall, control []float64
	var pipes, engines []Figures
	for range n {
		p, e := r.pair(Pipe, Engine)
		cpu = append(cpu, p.PerRecord()/e.PerRecord())
		wall = append(wall, p.Wall.Seconds()/e.Wall.Seconds())
		pipes, engines = append(pipes, p), append(engines, e)
		a, b := r.pair(Pipe, Pipe)
		control = append(control, a.PerRecord()/b.PerRecord())
	}
	c, w, aa := Bootstrap(cpu, r.rng), Bootstrap(wall, r.rng), Bootstrap(control, r.rng)
	e := mid(engines)
	bytes := float64(r.size.Count()) * float64(r.size.Bytes)
	fmt.Printf("engine %-12s ratio %.2f [%.2f,%.2f] cpu, wall %.2f [%.2f,%.2f], control %.2f [%.2f,%.2f], %d pairs; %.0f records/s, %.0f MB/s, %.2f us/record (pipe %.2f), %.2f allocs/record, peak %d MiB\n",
		input, c.Median, c.Low, c.High, w.Median, w.Low, w.High, aa.Median, aa.Low, aa.High, n,
		float64(e.Records)/e.Wall.Seconds(), bytes/e.Wall.Seconds()/1e6, e.PerRecord()/1e3, mid(pipes).PerRecord()/1e3,
		float64(e.Allocs)/float64(e.Records), e.Peak>>20)
	switch {
	case aa.apart():
		fmt.Printf("engine %-12s void: the pipe against itself differs by more than 4 %%\n", input)
	case c.Below(PassThroughBar):
		r.t.Errorf("%s: ratio %.2f [%.2f,%.2f], want %.2f of the hand-written pipe", input, c.Median, c.Low, c.High, PassThroughBar)
	}
	shares := r.shares()
	fmt.Printf("engine %-12s checkpoint %.1f %% and proof %.1f %% of CPU, by profile labels\n", input, 100*shares[sink.LabelCheckpoint], 100*shares[sink.LabelProof])
}

// profiled is over how many runs the shares are taken: a profile has a sample each 10 ms.
const profiled = 12

// shares profiles runs of the engine and returns fractions of CPU by label.
func (r *runner) shares() map[string]float64 {
	r.t.Helper()
	by := map[string]int64{}
	for range profiled {
		var buf bytes.Buffer
		r.one(func(ctx context.Context, load Load) (int64, error) {
			if err := pprof.StartCPUProfile(&buf); err != nil {
				return 0, err
			}
			defer pprof.StopCPUProfile()
			return Engine(ctx, load)
		})
		if err := Shares(buf.Bytes(), sink.LabelKey, by); err != nil {
			r.t.Fatal(err)
		}
		if *profile != "" {
			if err := os.WriteFile(*profile, buf.Bytes(), 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	out := map[string]float64{}
	for name, v := range by {
		out[name] = float64(v) / float64(max(by[""], 1))
	}
	return out
}
