package bench

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/gap"
	"backstitch/replay/source/archive"
	"backstitch/replay/source/confluent"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	scanRounds  = flag.Int("bench.rounds", 7, "rounds of a scan")
	scanRecords = flag.Int64("bench.records", 1<<18, "records of a topic of 1 KiB values; small ones are four times as many")
	scanTopics  = flag.String("bench.topics", "none:1024,lz4:1024,zstd:1024,lz4:100", "codec and bytes of a value of the topics that are scanned")
	scanFiles   = flag.String("bench.files", "json,json.gz,json.zst", "codecs of foreign archives that are scanned")
	scanBroker  = flag.String("bench.broker", "", "host:port of a broker to scan, which is left with the topics; a kfake of our own without")
	scanKinds   = flag.String("bench.kinds", "topic,archive,files", "what is scanned: topics, our archives of them, archives of others")
	only        = flag.String("bench.only", "", "racer to run alone, for the profile")
)

// scanLanes are the partitions that a scan reads at a time, by default.
var scanLanes = gap.DefaultConfig().Parallel

// A small run, so that what is measured is known to read all of it.
func TestScansReadWhatWasWritten(t *testing.T) {
	w := newScanWorld(t)
	for i, codec := range []string{"none", "lz4", "zstd"} {
		racers := w.topic(t, fmt.Sprint("t", i), TopicSize{Partitions: 3, Records: 1000, Bytes: 300, Codec: codec})
		racers = append(racers, w.archive(t, fmt.Sprint("t", i))...)
		for _, r := range racers {
			if _, err := r.Run(); err != nil {
				t.Errorf("%s %s: %v", codec, r.Name, err)
			}
		}
	}
	for _, codec := range Codecs {
		for _, r := range foreignRacers(t, codec, Size{Partitions: 2, Objects: 2, Records: 150, Bytes: 300}) {
			if _, err := r.Run(); err != nil {
				t.Errorf("%s %s: %v", codec, r.Name, err)
			}
		}
	}
}

// BenchmarkScan measures once, whatever b.N is: it has its own statistics.
func BenchmarkScan(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	rng := rand.New(rand.NewPCG(*seed, 1))
	w := newScanWorld(b)
	for i, name := range list(*scanTopics) {
		codec, text, _ := strings.Cut(name, ":")
		bytes, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("-bench.topics %s: %v", name, err)
		}
		size := TopicSize{Partitions: 8, Records: *scanRecords, Bytes: bytes, Codec: codec}
		if bytes < 512 {
			size.Records *= 4
		}
		topic := fmt.Sprintf("scan-%x-%d", *seed, i)
		racers := w.topic(b, topic, size)
		if wanted("topic") {
			race(b, "topic "+name, racers, rng)
		}
		if wanted("archive") {
			race(b, "archive "+name, w.archive(b, topic), rng)
		}
	}
	if !wanted("files") {
		return
	}
	for _, codec := range list(*scanFiles) {
		race(b, "files "+codec, foreignRacers(b, codec, Size{Partitions: 8, Objects: *objects, Records: 8192, Bytes: 1024}), rng)
	}
}

func wanted(kind string) bool { return slices.Contains(list(*scanKinds), kind) }

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func race(b *testing.B, name string, racers []Racer, rng *rand.Rand) {
	b.Helper()
	if *only != "" {
		alone(b, racers)
		return
	}
	all, err := RunRace(racers, *scanRounds, rng)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	for _, r := range all {
		what := r.Name
		if r.Control {
			what += " A/A"
		}
		fmt.Printf("scan %-14s %-9s %s\n", name, what, r)
		if r.Void() {
			fmt.Printf("scan %-14s void: the bare read against itself differs by more than 4 %%\n", name)
		}
	}
}

// alone runs one racer for a profile.
func alone(b *testing.B, racers []Racer) {
	b.Helper()
	for _, r := range racers {
		if r.Name != *only {
			continue
		}
		if *profile != "" {
			f, err := os.Create(*profile)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				b.Fatal(err)
			}
			defer pprof.StopCPUProfile()
		}
		for range *scanRounds {
			if _, err := r.Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// scanWorld is a broker in another process, and archives of its topics.
type scanWorld struct {
	broker string
	topics map[string]Topic
}

func newScanWorld(t testing.TB) *scanWorld {
	t.Helper()
	if *scanBroker != "" {
		return &scanWorld{broker: *scanBroker, topics: map[string]Topic{}}
	}
	servers, stop, err := StartChild(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(stop)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &scanWorld{broker: servers.Broker, topics: map[string]Topic{}}
}

// topic fills a topic and returns the ways to read it; the bare one first.
func (w *scanWorld) topic(t testing.TB, name string, size TopicSize) []Racer {
	t.Helper()
	topic, err := Fill(t.Context(), w.broker, name, size)
	if err != nil {
		t.Fatal(err)
	}
	w.topics[name] = topic
	return []Racer{
		{"consumer", func() (int64, error) { return Consume(t.Context(), topic) }},
		{"read", func() (int64, error) { return topic.checked(ReadTopic(t.Context(), topic, scanLanes)) }},
		{"compare", func() (int64, error) {
			s, err := CompareTopic(t.Context(), topic, scanLanes)
			if s.Records != 2*topic.Records && err == nil {
				err = fmt.Errorf("both sides have %d records, want %d", s.Records, 2*topic.Records)
			}
			return s.Records, err
		}},
	}
}

// checked gives no figure for a scan that did not read exactly the topic.
func (t Topic) checked(s Scanned, err error) (int64, error) {
	if err == nil && (s.Records != t.Records || s.Sum != t.Sum) {
		err = fmt.Errorf("scan read %d records with sum %x, want %d with %x", s.Records, s.Sum.Bytes(), t.Records, t.Sum.Bytes())
	}
	return s.Records, err
}

// archive copies a topic into a directory and returns the ways to read that.
func (w *scanWorld) archive(t testing.TB, name string) []Racer {
	t.Helper()
	topic := w.topics[name]
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	b, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := format.Copy(t.Context(), cl, b, format.Options{Topic: name}); err != nil {
		t.Fatal(err)
	}
	objects, err := archive.Catalog(t.Context(), b, name, archive.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	extents := map[int32]gap.Extent{}
	for p, list := range objects {
		span, err := archive.Span(list)
		if err != nil {
			t.Fatal(err)
		}
		extents[p] = gap.Extent{Range: span, Objects: list}
	}
	src, err := archive.New(b, archive.Config{Topic: name})
	if err != nil {
		t.Fatal(err)
	}
	return []Racer{
		{"inflate", func() (int64, error) {
			return inflated(topic.Records, topic.Bytes)(Inflate(t.Context(), b, "batches", objects, scanLanes))
		}},
		{"read", func() (int64, error) { return topic.checked(ReadSide(t.Context(), src, extents, scanLanes)) }},
	}
}

// inflated gives no figure for less than what was written.
func inflated(records, least int64) func(n int64, err error) (int64, error) {
	return func(n int64, err error) (int64, error) {
		if err == nil && n < least {
			err = fmt.Errorf("%d bytes came out, want at least %d", n, least)
		}
		return records, err
	}
}

// foreignRacers writes an archive in Confluent's layout and returns the ways to read it.
func foreignRacers(t testing.TB, codec string, size Size) []Racer {
	t.Helper()
	root := t.TempDir()
	sum, err := Generate(root, codec, size)
	if err != nil {
		t.Fatal(err)
	}
	b, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	src, err := confluent.New(b, confluent.DefaultConfig(topicName))
	if err != nil {
		t.Fatal(err)
	}
	listing, err := src.Catalog(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	extents := map[int32]gap.Extent{}
	for p, list := range listing.Objects {
		last := list[len(list)-1]
		extents[p] = gap.Extent{Range: partition.Range{From: list[0].Base, To: last.Base + last.Count}, Objects: list}
	}
	want := Topic{Records: size.Count(), Sum: sum}
	return []Racer{
		{"inflate", func() (int64, error) {
			return inflated(want.Records, want.Records*int64(size.Bytes)/2)(Inflate(t.Context(), b, codec, listing.Objects, scanLanes))
		}},
		{"read", func() (int64, error) { return want.checked(ReadSide(t.Context(), src, extents, scanLanes)) }},
	}
}
