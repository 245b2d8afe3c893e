package bubble

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// Jobs of the lab as an operator makes them: a plan of what is really there, and its submission.

// inTopics is a spec from a topic of the lab's broker to another.
func (l *scanLab) inTopics(more string) *spec.Recovery {
	l.t.Helper()
	return l.parse(fmt.Sprintf("  source: {kafka: {brokers: %q, topic: mirror}}\n  target: {kafka: {brokers: %[1]q, topic: copy}}\n%s", strings.Join(l.kafka.Addrs(), ","), more))
}

func (l *scanLab) parse(body string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+body), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// small makes jobs that last: what they write is in many commits and slices.
const small = "  slices: {records: 20}\n  write: {commitRecords: 3}\n"

func (l *scanLab) planned(r *spec.Recovery) (*recovery.Plan, error) {
	opt := recovery.DefaultOptions()
	opt.Now, opt.Scan = time.Now, l.config()
	return recovery.Build(l.t.Context(), r, l.clients("judge")(nil), opt)
}

// submit starts a plan's job and returns it.
func (l *scanLab) submit(p *recovery.Plan, err error) *recovery.Submission {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	if p.Empty() {
		l.t.Fatal("there is nothing to write")
	}
	s, err := p.Submission()
	if err != nil {
		l.t.Fatal(err)
	}
	l.propose(fsm.SubmitJob{ID: s.ID, Name: s.Name, Namespace: s.Namespace, Recipe: s.Recipe, Locks: s.Locks, Records: s.Records, Bytes: s.Bytes,
		Slices: uint32(len(s.Slices)), PlanHash: s.PlanHash})
	l.propose(fsm.AddSlices{Job: s.ID, Slices: s.Slices})
	l.propose(fsm.StartJob{ID: s.ID})
	return s
}

// slow makes each request to the broker take its time until the end.
func (l *scanLab) slow() {
	l.t.Helper()
	if _, err := l.kafka.Inject(fakes.Rule{Delay: 100 * time.Millisecond}); err != nil {
		l.t.Fatal(err)
	}
}

// slices are those of a job that write, as the book has them.
func (l *scanLab) slices(id partition.JobID) (out []fsm.SliceState) {
	l.view(func(v *fsm.View) {
		for s, err := range v.SliceStates(id) {
			if err != nil {
				l.t.Fatal(err)
			}
			if s.Kind == partition.SliceFill {
				out = append(out, s)
			}
		}
	})
	return out
}

// killOwner waits until a node is in the middle of a slice and takes its power away; it stays away. What it was at goes on elsewhere.
func (l *scanLab) killOwner(id partition.JobID) {
	l.t.Helper()
	killed := -1
	l.c.Eventually("an owner in the middle of a slice", func() bool {
		if j := l.state(id); j.State.Terminal() {
			l.t.Fatalf("nothing was hurt: job %s is %s already, %s", id, j.State, j.Why)
		}
		for _, s := range l.slices(id) {
			for i, m := range l.c.Members() {
				if s.Status == fsm.SliceLeased && s.Checkpoint.Records > 0 && m.Running() && m.Node.ID() == s.Owner {
					killed = i
				}
			}
		}
		return killed >= 0
	})
	l.stop(killed)
	l.c.WaitLeader()
}

// killLeaderAndOwner takes the power from the node that leads while a job is in the middle of its slices, gives it back once another leads, and
// then does what killOwner does. What both were at goes on elsewhere.
func (l *scanLab) killLeaderAndOwner(id partition.JobID) {
	l.t.Helper()
	l.c.Eventually("the job to write", func() bool { return l.written(id) > 0 })
	if j := l.state(id); j.State.Terminal() {
		l.t.Fatalf("nothing was hurt: job %s is %s already, %s", id, j.State, j.Why)
	}
	leads := l.c.WaitLeader()
	l.stop(slices.Index(l.c.Members(), leads))
	l.c.WaitLeader(leads)
	l.start(leads)
	l.c.WaitServing(leads) // or else killing another would leave no quorum
	l.killOwner(id)
}

// ended waits for the end of a job and fails unless it is the one that is wanted.
func (l *scanLab) ended(id partition.JobID, want fsm.JobState) fsm.Job {
	l.t.Helper()
	l.c.Eventually("the job to end", func() bool { return l.state(id).State.Terminal() })
	j := l.state(id)
	if j.State != want {
		l.t.Fatalf("job %s is %s, want %s: %s %+v", id, j.State, want, j.Why, l.slices(id))
	}
	return j
}

// written is how many records a job has written, as the book has it.
func (l *scanLab) written(id partition.JobID) (n int64) {
	for _, s := range l.slices(id) {
		n += s.Checkpoint.Records
	}
	return n
}

// live writes the records [from, to) of each partition to topics, as their own writer does.
func (l *scanLab) live(from, to int, topics ...string) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	for _, topic := range topics {
		for part := range 2 {
			for n := from; n < to; n++ {
				l.produce(cl, mirror(topic, part, n))
			}
		}
	}
}

func (l *scanLab) client(opts ...kgo.Opt) *kgo.Client {
	l.t.Helper()
	cl, err := kgo.NewClient(append(append(l.kafka.Opts("seed"), kgo.RecordPartitioner(kgo.ManualPartitioner())), opts...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return cl
}

// topic makes a topic with two partitions.
func (l *scanLab) topic(name string, configs map[string]*string) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	if r, err := kadm.NewClient(cl).CreateTopic(l.t.Context(), 2, 1, configs, name); err != nil || r.Err != nil {
		l.t.Fatal(err, r.Err)
	}
}

// set sets a configuration of a topic.
func (l *scanLab) set(topic, name, value string) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	rs, err := kadm.NewClient(cl).AlterTopicConfigs(l.t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, topic)
	if err != nil || rs[0].Err != nil {
		l.t.Fatal(err, rs)
	}
}

const mirrored = 120 // records of each partition of a topic that mirror fills

// mirror is record n of a partition.
func mirror(topic string, part, n int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: int32(part), Value: fmt.Appendf(nil, "%d/%d", part, n), Timestamp: time.UnixMilli(1_795_132_800_000 + int64(n)*1000)}
}

// produce writes records in order.
func (l *scanLab) produce(cl *kgo.Client, rs ...*kgo.Record) {
	l.t.Helper()
	for _, r := range rs {
		if err := cl.ProduceSync(l.t.Context(), r).FirstErr(); err != nil {
			l.t.Fatal(err)
		}
	}
}

// copied makes the topic mirror with all of its records and its copy with those that keep wants. change is made to those of the mirror alone; nil
// makes none.
func (l *scanLab) copied(keep func(n int) bool, change func(*kgo.Record)) {
	l.t.Helper()
	for _, topic := range []string{"mirror", "copy"} {
		l.topic(topic, nil)
	}
	l.fill("mirror", func(int) bool { return true }, change)
	l.fill("copy", keep, nil)
}

// fill fills a topic with those records that keep wants.
func (l *scanLab) fill(topic string, keep func(n int) bool, change func(*kgo.Record)) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	for part := range 2 {
		for n := range mirrored {
			if r := mirror(topic, part, n); keep(n) {
				if change != nil {
					change(r)
				}
				l.produce(cl, r)
			}
		}
	}
}

// read is what a reader of committed data sees of a topic.
func (l *scanLab) read(topic string) (out []*kgo.Record) {
	l.t.Helper()
	cl := l.client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer cl.Close()
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second) // virtual
		fetches := cl.PollFetches(ctx)
		done := ctx.Err() != nil
		cancel()
		fetches.EachRecord(func(r *kgo.Record) { out = append(out, r) })
		if done {
			return out
		}
	}
}

// once fails unless topic holds each of the first records of the mirror, total of each partition, once, with its time, but those that are left out, and nothing else.
func (l *scanLab) once(topic string, total int, without ...string) {
	l.t.Helper()
	left := map[string]bool{}
	for _, v := range without {
		left[v] = true
	}
	got := map[string]int{}
	for _, r := range l.read(topic) {
		got[fmt.Sprintf("%s at %d", r.Value, r.Timestamp.UnixMilli())]++
	}
	for part := range 2 {
		for n := range total {
			r := mirror(topic, part, n)
			text, want := fmt.Sprintf("%s at %d", r.Value, r.Timestamp.UnixMilli()), 1
			if left[string(r.Value)] {
				want = 0
			}
			if got[text] != want {
				l.t.Errorf("record %s is there %d times, want %d", text, got[text], want)
			}
			delete(got, text)
		}
	}
	for v, n := range got {
		l.t.Errorf("record %s is there %d times and was never in the mirror", v, n)
	}
}
