package bubble

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/check"
	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// The outbox of a wired cluster: what happens is told while leaders die and are cut off, to receivers that answer late, with 5xx, or whose
// answer is lost.

// outboxKinds are the kinds of what happens here, as receivers call them.
var outboxKinds = map[fsm.NoticeKind]string{fsm.NoticeStarted: "dev.backstitch.job.started.v1", fsm.NoticeCancelled: "dev.backstitch.job.cancelled.v1"}

const outboxDataset = fsm.DatasetName("default/orders")

// outbox is one run.
type outbox struct {
	t      *testing.T
	c      *clustertest.Cluster
	inbox  *inbox
	random *rand.Rand
}

// do proposes at whoever runs, until it is applied, under one request id.
func (o *outbox) do(cmd fsm.Command) fsm.Result {
	o.t.Helper()
	env := fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID(), UnixNanos: time.Now().UnixNano()}
	var res fsm.Result
	o.c.Eventually(fmt.Sprintf("%T is applied", cmd), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		members := o.c.Members()
		m := members[o.random.IntN(len(members))]
		if !m.Running() {
			return false
		}
		var err error
		res, err = m.Node.Propose(ctx, env, cmd)
		return err == nil
	})
	if res.Code != fsm.OK {
		o.t.Fatalf("%T: got %+v, want OK", cmd, res)
	}
	return res
}

// view reads the book of whoever runs and has caught up.
func (o *outbox) view(f func(v *fsm.View) error) {
	o.t.Helper()
	o.c.Eventually("a book", func() bool {
		m := o.c.Leader()
		if m == nil {
			return false
		}
		v, err := m.Node.View()
		if err != nil {
			return false
		}
		defer v.Close()
		if err := f(v); err != nil {
			o.t.Fatal(err)
		}
		return true
	})
}

// hurt does one thing to the leader, and takes it back.
func (o *outbox) hurt() {
	m := o.c.Leader()
	if m == nil {
		m = o.c.WaitLeader()
	}
	switch o.random.IntN(3) {
	case 0:
		m.Kill()
		time.Sleep(time.Duration(1+o.random.IntN(5)) * time.Second) // virtual
		m.Start()
	case 1:
		o.c.Net.Isolate(m.Host, o.c.Hosts()...)
		time.Sleep(time.Duration(5+o.random.IntN(10)) * time.Second) // virtual
		o.c.Net.Heal()
	default:
		time.Sleep(time.Duration(o.random.IntN(8)) * time.Second) // virtual; receivers alone are bad enough
	}
}

// Each notice is told at least once, in order per endpoint, and again only under its own id; nothing is told that did not happen. What
// happened is what the book keeps for an endpoint that has answered nothing yet.
func TestOutbox(t *testing.T) {
	repeated := 0
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { repeated += outboxRun(t, seed+1) })
		})
	}
	if repeated == 0 && !t.Failed() {
		t.Error("nothing was told twice: no answer was lost, and nothing is shown")
	}
}

func outboxRun(t *testing.T, seed uint64) (repeats int) {
	o := &outbox{t: t, c: clustertest.New(t, 3), inbox: newInbox(seed), random: rand.New(rand.NewPCG(seed, 2))}
	o.c.Receivers = o.inbox
	o.inbox.set(true, "witness")
	o.c.StartAll()
	for _, m := range o.c.Members() {
		m.ExpectEnd()
	}
	o.c.WaitVoters(3)
	o.c.Eventually("the newest cluster version", func() (ok bool) {
		o.view(func(v *fsm.View) error {
			version, err := v.Version()
			ok = version == fsm.LatestVersion
			return err
		})
		return ok
	})
	endpoints := []string{"bus", "pager", "witness"}
	put := fsm.PutDataset{Name: outboxDataset, Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: "/a"}, Targets: []fsm.Place{{Namespace: "file", Name: "/b"}}}
	for _, name := range endpoints {
		put.Endpoints = append(put.Endpoints, fsm.Endpoint{Name: name, Format: fsm.FormatCloudEvents, URL: "https://" + name, On: 1<<fsm.NoticeStarted | 1<<fsm.NoticeCancelled})
	}
	o.do(put)
	const jobs = 12
	for n := range jobs {
		id := o.job(n)
		o.hurt()
		o.do(fsm.CancelJob{ID: id})
	}
	var happened []check.Notice
	o.view(func(v *fsm.View) error {
		happened = happened[:0]
		kept, err := v.Notices(outboxDataset)
		for _, n := range kept {
			happened = append(happened, check.Notice{Index: n.Index, Job: string(n.Job), Kind: outboxKinds[n.Kind]})
		}
		return err
	})
	if len(happened) != 2*jobs {
		t.Fatalf("the book has %d notices, want a beginning and an end of each of %d jobs", len(happened), jobs)
	}
	o.inbox.set(false, "")
	last := o.c.WaitLeader()
	last.Kill() // whoever comes behind it has not failed yet, and so does not wait for minutes
	o.c.WaitLeader(last)
	last.Start()
	o.c.Eventually("everybody has heard", func() (empty bool) {
		o.view(func(v *fsm.View) error {
			waiting, err := v.Waiting()
			empty = len(waiting) == 0
			return err
		})
		return empty
	})
	o.view(func(v *fsm.View) error {
		told, err := v.Deliveries(outboxDataset)
		for _, d := range told {
			if d.Dropped > 0 {
				err = errors.Join(err, fmt.Errorf("%s was given up for: %s", d.Endpoint, d.Why))
			}
		}
		return err
	})
	found, repeats, err := check.Told(happened, endpoints, o.inbox.messages())
	if err != nil || len(found) > 0 {
		t.Errorf("seed %d: %v\n%s", seed, err, found)
	}
	return repeats
}

// job begins a job about the dataset.
func (o *outbox) job(n int) (id partition.JobID) {
	id = partition.JobID("bs-outbox" + string(rune('a'+n)))
	slice := partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}}
	o.do(fsm.SubmitJob{ID: id, Name: "orders.refill", Recipe: []byte("{}"), Slices: 1})
	o.do(fsm.AddSlices{Job: id, Slices: []partition.Slice{slice}})
	o.do(fsm.StartJob{ID: id})
	return id
}
