package detect

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/chaos/report"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/kgroup/kgrouptest"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

var (
	seeds = flag.Int("detect.seeds", 0, "how many seeds TestSeeds runs; 0 runs each pair once")
	seed  = flag.Uint64("detect.seed", 0, "run this seed alone, and say what it decided")
	from  = flag.Uint64("detect.from", 1, "the first seed")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// pair is a kind of comparison.
type pair struct {
	name string
	run  func(*try)
}

// writers are those of foreigntest, in a fixed order: a seed has to mean the same for ever.
var writers = []string{
	"confluent", "confluent-gzip", "confluent-zstd", "confluent-hourly", "lenses", "lenses-envelope", "lenses-partitionby", "aiven-csv", "aiven-csv-offset",
	"aiven-envelope", "aiven-array", "firehose", "oso", "oso-zstd", "oso-lz4", "gazette", "hdfs",
}

// pairs are all of them. Seed n takes number n modulo their count, so that a set has each as often.
func pairs() []pair {
	out := []pair{
		{"topic and topic", topics}, {"archive and topic", own}, {"topic and archive", ownSink}, {"group and topic", groups},
		{"bucket and bucket, directories", dirBuckets}, {"bucket and bucket, S3", s3Buckets},
		{"confluent by inventory and topic", archived("confluent", true)}, {"lenses-envelope by inventory and topic", archived("lenses-envelope", true)},
	}
	for _, w := range writers {
		out = append(out, pair{w + " and topic", archived(w, false)})
		if !foreigntest.Whole(w) { // an archive that knows no partitions is no sink's that can be compared
			out = append(out, pair{"topic and " + w, sinkOf(w)})
		}
	}
	return out
}

func TestEveryLayoutIsInASet(t *testing.T) {
	for w := range foreigntest.Writers {
		if n := strings.Count(" "+strings.Join(writers, " ")+" ", " "+w+" "); n != 1 {
			t.Errorf("writer %s: got %d times, want once", w, n)
		}
	}
}

// figures are the suite's, with the scores of each pair.
type figures struct {
	report.Figures
	Recall float64          `json:"recall"` // of what was lost; 1 is all
	False  int64            `json:"false"`
	Total  Score            `json:"total"`
	Pairs  map[string]Score `json:"pairs"`
}

// TestSeeds runs seeds, and wants every lost identity named and no other.
func TestSeeds(t *testing.T) {
	m := measurement{suite: "detect", pkg: "./chaos/detect", pairs: pairs(), brokers: func(t testing.TB) *broker {
		return inProcess(t, kfake.SeedTopics(kgrouptest.Partitions, kgrouptest.Topic))
	}}
	m.flags(t)
}

// measurement is a set of seeds over pairs.
type measurement struct {
	suite, pkg string
	real       bool
	pairs      []pair
	brokers    func(testing.TB) *broker
}

// flags runs the seeds that were asked for.
func (m measurement) flags(t *testing.T) {
	switch {
	case *seed != 0:
		m.run(t, *seed, 1)
	case *seeds > 0:
		m.run(t, *from, *seeds)
	default:
		m.run(t, *from, len(m.pairs))
	}
}

// run publishes what it counted, and fails on anything but all and nothing else.
func (m measurement) run(t *testing.T, first uint64, n int) {
	began := time.Now()
	var mu sync.Mutex
	f := figures{Figures: report.Figures{Suite: m.suite}, Pairs: map[string]Score{}}
	t.Run("seed", func(t *testing.T) {
		for i := range n {
			s := first + uint64(i)
			p := m.pairs[s%uint64(len(m.pairs))]
			t.Run(fmt.Sprint(s), func(t *testing.T) {
				t.Parallel()
				c := &try{t: t, rng: rand.New(rand.NewPCG(s, 0)), brokers: m.brokers, real: m.real}
				defer func() {
					if t.Failed() || *seed != 0 {
						t.Logf("%s; again: go test %s -run %s -detect.seed %d\n  %s", p.name, m.pkg, strings.SplitN(t.Name(), "/", 2)[0], s, strings.Join(c.said, "\n  "))
					}
					mu.Lock()
					defer mu.Unlock()
					f.add(p.name, c.score, t.Failed())
				}()
				p.run(c)
			})
		}
	})
	f.conclude(time.Since(began))
	if err := report.Publish(os.Stdout, f); err != nil {
		t.Error(err)
	}
	switch whole := n >= len(m.pairs); {
	case whole && f.Total.Lost == 0:
		t.Error("vacuous: nothing was lost in any case")
	case whole && len(f.Pairs) < len(m.pairs):
		t.Errorf("only %d of %d pairs were compared", len(f.Pairs), len(m.pairs))
	case f.Total.Found != f.Total.Lost || f.Total.False != 0:
		t.Errorf("recall %d of %d, %d called missing that are not lost; want all and 0", f.Total.Found, f.Total.Lost, f.Total.False)
	case f.Total.Refused*10 > f.Total.Cases:
		t.Errorf("%d of %d cases were refused", f.Total.Refused, f.Total.Cases)
	}
}

func (f *figures) add(name string, s Score, failed bool) {
	f.Seeds++
	if failed {
		f.Violations++
	}
	sum := f.Pairs[name]
	sum.add(s)
	f.Pairs[name] = sum
	f.Total.add(s)
}

func (f *figures) conclude(took time.Duration) {
	f.Figures.Seconds, f.False = took.Seconds(), f.Total.False
	if f.Total.Lost > 0 {
		f.Recall = float64(f.Total.Found) / float64(f.Total.Lost)
	}
}
