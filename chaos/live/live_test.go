//go:build live

package live

import (
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/blocks"
	"backstitch/chaos/process"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/replay/feedback"
)

var (
	rounds   = flag.Int("rounds", 8, "blocks of each kind of job")
	length   = flag.Duration("block", 8*time.Second, "how long a block is measured")
	short    = flag.Duration("blunt", 2*time.Second, "how long a block of a job with feedback off is measured")
	warm     = flag.Duration("warm", 40*time.Second, "how long the job that spares others works after its first rest, before the first block")
	records  = flag.Int64("records", 1_000_000, "records of the archive")
	agents   = flag.Int("agents", 3, "nodes")
	follow   = flag.Bool("follow", false, "the group reads what jobs write, too")
	work     = flag.Duration("work", 0, "what the group needs for a record")
	perSec   = flag.Int("live", 500, "records a second that are written live")
	commit   = flag.String("read", "uncommitted", "what the group reads: committed or uncommitted")
	throttle = flag.String("throttle", "spare: {groups: [billing], maxLagIncrease: 1000 records, brokers: true}", "spec.throttle of the job that spares others")
	judged   = flag.Bool("judge", true, "fail when a figure is above its bar")
)

// Bar is how much longer the live ones may wait beside a job that spares them.
const Bar = 1.3

// The kinds of blocks beside blocks.Nobody.
const (
	Sparing blocks.Kind = 'B' // a job that spares the live ones
	Blunt   blocks.Kind = 'C' // a job with feedback off
)

const (
	partitions = 6
	size       = 1000
	settle     = 2 * time.Second // after a job has stopped, until nothing of it is left
	drained    = time.Second     // for what was sent at the end of a block
)

// bench is a broker, agents, the live ones and an archive.
type bench struct {
	*testing.T
	*testbed.Fleet
	dir, broker string
	kafka       *process.Process
	load        *Load
}

func newBench(t *testing.T) *bench {
	dir, began := t.ArtifactDir(), time.Now()
	lap := func(what string) { t.Logf("%s after %s", what, time.Since(began).Round(time.Second/10)) }
	port, memory := testbed.FreePorts(t, 2), testbed.InMemory(t) // what a disk that all share does at times is no part of it
	b := &bench{T: t, dir: dir, broker: fmt.Sprintf("127.0.0.1:%d", port)}
	b.kafka = testbed.Start(t, testbed.FormatKafka(t, memory, "127.0.0.1", port))
	testbed.Listening(t, b.kafka, port)
	seats := make([]testbed.Seat, *agents)
	for n := range seats {
		seats[n].Data = filepath.Join(memory, fmt.Sprint(n))
	}
	b.Fleet = testbed.NewFleet(t, testbed.Layout{Dir: dir, Seats: seats, Broker: b.broker, Endpoint: "http://127.0.0.1:1"}) // there is no S3
	b.StartAll(t)
	lap("servers")
	history := b.topic("history")
	history.Create(t)
	history.Produce(t, traffic.Noise(1, *records, partitions, size), func(int64, traffic.Event) bool { return true })
	b.Must(t, "archive", history.Name, b.archive(), "--kafka", testbed.KafkaConnection, "-q")
	history.Drop(t)
	lap("archive")
	topics := []string{"orders", "sparing"}
	for n := range *rounds {
		topics = append(topics, blunt(n))
	}
	for _, name := range topics {
		b.topic(name).Create(t)
	}
	if !*follow {
		topics = topics[:1]
	}
	var err error
	b.load, err = Start(t.Context(), Config{
		Broker: b.broker, Topic: "orders", Partitions: partitions, Group: "billing", Topics: topics, PerSecond: *perSec, Size: size,
		Work: *work, Committed: *commit == "committed",
	})
	if err != nil {
		t.Fatal(err)
	}
	testbed.Eventually(t, time.Minute, "the live ones to run", func() bool {
		to := time.Now().Add(-time.Second)
		l := b.load.Between(to.Add(-time.Second), to)
		return l.Records > *perSec/2 && l.Arrive < 2*time.Second
	})
	lap("live")
	return b
}

func blunt(n int) string { return fmt.Sprintf("blunt-%d", n) }

func (b *bench) archive() string { return filepath.Join(b.dir, "archive") }

func (b *bench) topic(name string) testbed.Topic {
	return testbed.Topic{Broker: b.broker, Name: name, Partitions: partitions}
}

// plan plans to fill a topic from the archive; the job has its name.
func (b *bench) plan(name, throttle string) string {
	_, plan := b.Plan(b.T, b.dir, testbed.Spec{
		Name: name, Source: testbed.InDir(b.archive(), "topic: history"), Target: testbed.InKafka(name), Throttle: throttle,
	})
	return plan
}

func (b *bench) written(job string) int64 { return b.Job(b.T, job).Progress.Written }

// moving waits until a job writes.
func (b *bench) moving(job string) {
	before := b.written(job)
	testbed.Eventually(b.T, 30*time.Second, job+" to write", func() bool { return b.written(job) > before })
}

// measured is one block.
type measured struct {
	kind blocks.Kind
	Latencies
	rate float64 // MiB/s of the job
}

// worked is how much of processors broker and agents have had.
func (b *bench) worked() (broker, agents time.Duration) {
	of := func(p *process.Process) time.Duration {
		d, err := p.Worked()
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	for _, n := range b.Nodes {
		agents += of(n.Process)
	}
	return of(b.kafka), agents
}

// block measures one; stop ends the job, before what is still under way is waited for.
func (b *bench) block(kind blocks.Kind, job string, stop func()) measured {
	var before int64
	if job != "" {
		before = b.written(job)
	}
	broker, agents := b.worked()
	from, d := time.Now(), *length
	if kind == Blunt {
		d = *short
	}
	testbed.During(b.T, d)
	to := time.Now()
	brokerThen, agentsThen := b.worked()
	m := measured{kind: kind}
	if job != "" {
		j := b.Job(b.T, job)
		if j.Terminal() {
			b.Fatalf("job %s is %s: it ended in the middle of a block; give -records more", job, j.State)
		}
		m.rate = float64(j.Progress.Written-before) * size / time.Since(from).Seconds() / (1 << 20)
	}
	stop()
	testbed.During(b.T, drained)
	m.Latencies = b.load.Between(from, to)
	b.Logf("%c %4d live records: p99 produce %s, end to end %s; the job %.1f MiB/s; of a processor, the broker had %.2f and agents %.2f",
		kind, m.Records, m.Produce.Round(100*time.Microsecond), m.Arrive.Round(100*time.Microsecond), m.rate,
		(brokerThen-broker).Seconds()/to.Sub(from).Seconds(), (agentsThen-agents).Seconds()/to.Sub(from).Seconds())
	return m
}

// calm is a block of nobody, once what a job left to the group is read.
func (b *bench) calm() measured {
	testbed.During(b.T, settle)
	testbed.Eventually(b.T, 2*time.Minute, "the group to have caught up", func() bool {
		to := time.Now().Add(-500 * time.Millisecond)
		return b.load.Between(to.Add(-settle/2), to).Arrive < 500*time.Millisecond
	})
	return b.block(blocks.Nobody, "", func() {})
}

func TestLiveTrafficBesideABackfill(t *testing.T) {
	b := newBench(t)
	sparing := b.plan("sparing", *throttle)
	var plans []string
	for n := range *rounds {
		plans = append(plans, b.plan(blunt(n), "feedback: off"))
	}
	b.beforeARest()
	b.Submit(t, sparing)
	b.moving("sparing")
	b.pastARest(*warm)
	b.pause("sparing")
	all := []measured{b.calm()}
	for n := range *rounds {
		b.noRestFor(*length + 5*time.Second)
		if _, err := b.Client.Resume(t.Context(), "sparing", "measure"); err != nil {
			t.Fatal(err)
		}
		b.moving("sparing")
		b.noRestFor(*length + time.Second)
		all = append(all, b.block(Sparing, "sparing", func() {
			b.because("sparing")
			b.pause("sparing")
		}))
		all = append(all, b.calm())
		b.Submit(t, plans[n])
		b.moving(blunt(n))
		all = append(all, b.block(Blunt, blunt(n), func() {
			if _, err := b.Client.Cancel(t.Context(), blunt(n), "measured"); err != nil {
				t.Fatal(err)
			}
		}))
		b.topic(blunt(n)).Drop(t) // the group would read it for minutes
		all = append(all, b.calm())
	}
	if err := b.load.Stop(); err != nil {
		t.Error(err)
	}
	report(t, all)
}

// Jobs rest at the same time of the clock (package feedback): what they learn from it is what the blocks are to show, and a block with a rest in it would
// flatter them.

// beforeARest waits until half a minute before the next rest.
func (b *bench) beforeARest() {
	now := time.Now()
	testbed.During(b.T, max(0, now.Truncate(feedback.RestEvery).Add(feedback.RestEvery-30*time.Second).Sub(now)))
}

// pastARest waits until d after the next rest.
func (b *bench) pastARest(d time.Duration) {
	now := time.Now()
	testbed.During(b.T, now.Truncate(feedback.RestEvery).Add(feedback.RestEvery+feedback.RestFor+d).Sub(now))
}

// noRestFor waits until no rest begins within d.
func (b *bench) noRestFor(d time.Duration) {
	now := time.Now()
	switch into := now.Sub(now.Truncate(feedback.RestEvery)); {
	case into < feedback.RestFor:
		testbed.During(b.T, feedback.RestFor-into)
	case into+d > feedback.RestEvery:
		b.pastARest(0)
	}
}

// because logs what holds a job back.
func (b *bench) because(job string) {
	limits, err := b.Client.Budgets(b.Context(), job)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range limits.Feedback {
		b.Logf("  %s: %.1f MiB/s, %s", p.Node, float64(p.BytesPerSecond)/(1<<20), p.Why)
	}
}

func (b *bench) pause(job string) {
	if _, err := b.Client.Pause(b.Context(), job, "measure"); err != nil {
		b.Fatal(err)
	}
}

// report prints what the blocks come to, and holds it against the bar.
func report(t *testing.T, all []measured) {
	t.Helper()
	var rate [2][]float64
	for _, m := range all {
		switch m.kind {
		case Sparing:
			rate[0] = append(rate[0], m.rate)
		case Blunt:
			rate[1] = append(rate[1], m.rate)
		}
	}
	fmt.Printf("live job MiB/s: sparing %s, blunt %s\n", blocks.MiddleOf(rate[0]), blocks.MiddleOf(rate[1]))
	harm, told := 0.0, 0
	for _, figure := range []struct {
		name string
		of   func(measured) time.Duration
	}{
		{"produce p99", func(m measured) time.Duration { return m.Produce }},
		{"end to end p99", func(m measured) time.Duration { return m.Arrive }},
	} {
		var figures []blocks.Block
		var alone []float64
		for _, m := range all {
			ms := float64(figure.of(m).Microseconds()) / 1e3
			figures = append(figures, blocks.Block{Kind: m.kind, Value: ms})
			if m.kind == blocks.Nobody {
				alone = append(alone, ms)
			}
		}
		ratio := func(kind blocks.Kind) blocks.Middle { return blocks.MiddleOf(blocks.Ratios(figures, kind)) }
		none, spared, blunt := ratio(blocks.Nobody), ratio(Sparing), ratio(Blunt)
		fmt.Printf("live %-14s alone %s ms; alone/alone %s, sparing/alone %s, blunt/alone %s\n", figure.name, blocks.MiddleOf(alone), none, spared, blunt)
		harm = math.Max(harm, blunt.Median)
		switch {
		case none.Low < 1/Bar || none.High > Bar:
			fmt.Printf("live %s void: it differs by as much as the bar beside nobody\n", figure.name)
			continue
		case *judged && spared.Median > Bar:
			t.Errorf("%s: %s of what it is alone beside a job that spares it, want %.1f at most", figure.name, spared, Bar)
		}
		told++
	}
	if *judged && told == 0 {
		t.Error("nothing was told: the machine was too busy, or -rounds too few")
	}
	if *judged && harm <= Bar {
		t.Errorf("vacuous: beside a job with feedback off it is %.2f of what it is alone, so there was nothing to spare", harm)
	}
}
