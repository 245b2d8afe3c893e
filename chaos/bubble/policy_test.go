package bubble

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
	"backstitch/replay/sink"
	"backstitch/replay/throttle"
)

// A dataset whose policy makes the cluster repair what its scans find: by real nodes and workers, a broker that lost records, and an archive.
// Whoever dies between the end of the scan and the repair, one job repairs.

// labOpener opens the ends of jobs that write, as an agent does.
type labOpener struct {
	lab  *scanLab
	node *clustertest.Member
}

func (o *labOpener) Open(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*open.Ends, error) {
	cfg := open.Config{Env: fakes.Env, Client: o.lab.kafka.Opts(o.node.Name), Now: time.Now, Cluster: o.node.Node.ClusterID(), InFlightBytes: 8 << 20}
	ends, err := open.New(cfg).OpenMetered(ctx, job, recipe, meter)
	if err == nil && o.lab.ends != nil {
		o.lab.ends(ends)
	}
	return ends, err
}

// policed gives the lab's pair to a dataset of that policy.
func (l *scanLab) policed(act fsm.PolicyAct) {
	l.t.Helper()
	order := l.order()
	order.Dataset, order.Namespace = "orders", "default"
	l.c.Eventually("the cluster knows policies", func() (ok bool) {
		l.view(func(v *fsm.View) {
			version, err := v.Version()
			ok = err == nil && version == fsm.LatestVersion
		})
		return ok
	})
	cmd := fsm.PutDatasetWithPolicy{Act: act, Dataset: fsm.PutDataset{
		Name: "default/orders", Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: l.dir},
		Targets: []fsm.Place{{Namespace: "kafka://seed", Name: "orders"}}, Orders: []fsm.ScanOrder{*order},
	}}
	if act == fsm.PolicyRun {
		cmd.MaxRecords, cmd.MaxBytes = 1000, 1<<20
	}
	if l.hours != nil {
		l.propose(fsm.PutDatasetOnTerms{Put: cmd, Terms: fsm.JobTerms{Calendar: *l.hours}})
		return
	}
	l.propose(cmd)
}

// look starts a scan of the dataset and returns its id.
func (l *scanLab) look(id partition.JobID) partition.JobID {
	l.t.Helper()
	order := l.order()
	order.Dataset, order.Namespace = "orders", "default"
	l.propose(fsm.SubmitScan{ID: id, Order: order})
	return id
}

// plan is the plan of a scan, with State zero as long as there is none.
func (l *scanLab) plan(scan partition.JobID) (p fsm.Plan) {
	l.view(func(v *fsm.View) { p, _, _ = v.Plan(fsm.PlanID("default/orders", scan)) })
	return p
}

// repairs are the jobs that write.
func (l *scanLab) repairs() (out []fsm.Job) {
	l.view(func(v *fsm.View) {
		for j, err := range v.Jobs() {
			if err != nil {
				l.t.Fatal(err)
			}
			if j.VerifySlices > 0 {
				out = append(out, j)
			}
		}
	})
	return out
}

// values counts what a reader of committed data sees of each record.
func (l *scanLab) values() map[string]int {
	l.t.Helper()
	cl, err := kgo.NewClient(append(l.kafka.Opts("judge"), kgo.ConsumeTopics("orders"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		l.t.Fatal(err)
	}
	defer cl.Close()
	out := map[string]int{}
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second) // virtual
		fetches := cl.PollFetches(ctx)
		done := ctx.Err() != nil
		cancel()
		fetches.EachRecord(func(r *kgo.Record) { out[string(r.Value)]++ })
		if done {
			return out
		}
	}
}

// whole fails unless every record is there once.
func (l *scanLab) whole() {
	l.t.Helper()
	got := l.values()
	for p := range scanParts {
		for n := range 200 {
			if v := fmt.Sprintf("%d/%d", p, n); got[v] != 1 {
				l.t.Errorf("record %s is there %d times, want once", v, got[v])
			}
		}
	}
}

func TestPolicyAcrossDeaths(t *testing.T) {
	for _, row := range []struct {
		name string
		act  fsm.PolicyAct
		// at says when the leader dies: at the first moment at which it is true.
		at func(l *scanLab, scan partition.JobID) bool
	}{
		{"when the scan has ended", fsm.PolicyRun, func(l *scanLab, scan partition.JobID) bool { return l.plan(scan).State != 0 }},
		{"when the plan is made and its job begins", fsm.PolicyRun, func(l *scanLab, scan partition.JobID) bool { return l.plan(scan).State == fsm.PlanStarted }},
		{"when the plan waits", fsm.PolicyPlanAndWait, func(l *scanLab, scan partition.JobID) bool { return l.plan(scan).State == fsm.PlanWaiting }},
	} {
		t.Run(strings.ReplaceAll(row.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newScanLab(t)
				defer l.close()
				l.policed(row.act)
				scan := l.look("bs-scan")
				l.c.Eventually(row.name, func() bool { return row.at(l, scan) })
				for i, m := range l.c.Members() {
					if m == l.c.Leader() {
						l.stop(i)
						break
					}
				}
				if row.act == fsm.PolicyPlanAndWait {
					time.Sleep(time.Minute) // virtual: nobody says yes, and nothing happens
					if jobs := l.repairs(); len(jobs) != 0 {
						t.Fatalf("%d jobs repair, and nobody said yes", len(jobs))
					}
					p := l.plan(scan)
					l.propose(fsm.ApprovePlan{ID: p.ID, Hash: p.Hash})
				}
				l.c.Eventually("the repair succeeds", func() bool {
					jobs := l.repairs()
					return len(jobs) == 1 && jobs[0].State == fsm.JobSucceeded
				})
				l.whole()
				again := l.look("bs-again")
				l.wait(again)
				time.Sleep(time.Minute) // virtual
				if jobs := l.repairs(); len(jobs) != 1 || jobs[0].ID != l.plan(scan).Job || l.plan(again).State != 0 {
					t.Errorf("got %d jobs, the first %s; plan of the next scan %+v: want one job, %s, and no other plan", len(jobs), jobs[0].ID, l.plan(again), l.plan(scan).Job)
				}
			})
		})
	}
}

// heldSink opens no writer before a channel is closed.
type heldSink struct {
	sink.Sink
	until <-chan struct{}
}

func (s *heldSink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	select {
	case <-s.until:
		return s.Sink.Open(ctx, slice, epoch)
	case <-ctx.Done():
		return nil, sink.Progress{}, ctx.Err()
	}
}

// TestALossFoundDuringARepairIsRepairedNext loses more while a repair of the same dataset runs: the scan that finds it neither collides with the job nor is
// forgotten, also when the leader dies in between, and each record is back once.
func TestALossFoundDuringARepairIsRepairedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		held := make(chan struct{})
		l.ends = func(e *open.Ends) { e.Sink = &heldSink{e.Sink, held} }
		l.policed(fsm.PolicyRun)
		scan := l.look("bs-scan")
		l.c.Eventually("the repair runs", func() bool { return l.plan(scan).State == fsm.PlanStarted })
		l.lose(0, 30)
		for _, id := range []partition.JobID{"bs-second", "bs-third"} {
			l.wait(l.look(id))
		}
		if second, third := l.plan("bs-second"), l.plan("bs-third"); second.State != 0 || third.State != 0 || len(l.repairs()) != 1 {
			t.Fatalf("%d jobs, plans %+v and %+v: want one job and no other plan while it runs", len(l.repairs()), second, third)
		}
		for i, m := range l.c.Members() {
			if m == l.c.Leader() {
				l.stop(i)
				break
			}
		}
		l.c.WaitLeader()
		close(held)
		l.c.Eventually("both losses are repaired", func() bool {
			jobs := l.repairs()
			return len(jobs) == 2 && jobs[0].State == fsm.JobSucceeded && jobs[1].State == fsm.JobSucceeded
		})
		l.whole()
		time.Sleep(time.Minute) // virtual
		if p := l.plan("bs-third"); len(l.repairs()) != 2 || p.State != fsm.PlanStarted || l.plan("bs-second").State != 0 {
			t.Errorf("%d jobs, plan of the newest scan %+v: want two jobs, of which the second is of the newest scan alone", len(l.repairs()), p)
		}
	})
}

// TestAPolicyKeepsItsHours finds a loss in a blackout of its dataset: the job is there, writes nothing before the blackout is over, and repairs then.
func TestAPolicyKeepsItsHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		writes := &meteredWrites{}
		l.ends = func(e *open.Ends) { e.Sink = &meteredSink{e.Sink, writes} }
		dark := time.Now().UTC().Truncate(time.Minute)
		l.hours = &partition.Calendar{Zone: "UTC", Blackouts: []partition.Window{{Cron: fmt.Sprintf("%d %d * * *", dark.Minute(), dark.Hour()), Duration: 10 * time.Minute}}}
		l.policed(fsm.PolicyRun)
		scan := l.look("bs-scan")
		l.c.Eventually("the repair is there", func() bool { return l.plan(scan).State == fsm.PlanStarted })
		light := dark.Add(10 * time.Minute)
		if now := time.Now(); now.After(light.Add(-time.Minute)) {
			t.Fatalf("the repair began at %s, and the blackout ends at %s: nothing is shown", now, light)
		}
		time.Sleep(time.Until(light)) // virtual
		if n := writes.between(time.Time{}, light); n > 0 {
			t.Errorf("%d records were written in the blackout", n)
		}
		l.c.Eventually("the loss is repaired", func() bool {
			jobs := l.repairs()
			return len(jobs) == 1 && jobs[0].State == fsm.JobSucceeded
		})
		l.whole()
	})
}
