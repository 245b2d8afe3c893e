package cluster_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// receivers are all endpoints: they note who is told what, and answer as they are told to.
type receivers struct {
	mu     sync.Mutex
	status int
	asked  []string // ids, in order
	told   []string // those that were answered with 200
}

func (r *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := req.Header.Get("Idempotency-Key")
	r.asked = append(r.asked, id)
	if r.status == http.StatusOK {
		r.told = append(r.told, id)
	}
	return &http.Response{StatusCode: r.status, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func (r *receivers) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// ids are those of notices that were answered with 200, each once.
func (r *receivers) ids() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]bool{}
	for _, id := range r.told {
		out[id] = true
	}
	return out
}

func (r *receivers) counts() (asked, told int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked), len(r.told)
}

// TestEndpointsAreToldAcrossLeaders: the receiver is down while one leads, and hears of it from the next one, under the same id, once.
func TestEndpointsAreToldAcrossLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		r := &receivers{status: http.StatusServiceUnavailable}
		c.Receivers = r
		c.StartAll()
		first := c.WaitLeader()
		c.Eventually("the newest cluster version", func() bool {
			v, err := first.Node.View()
			if err != nil {
				return false
			}
			defer v.Close()
			version, err := v.Version()
			return err == nil && version == fsm.LatestVersion
		})
		do := func(m *clustertest.Member, cmd fsm.Command) {
			t.Helper()
			res, err := m.Node.Propose(context.Background(), fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID(), UnixNanos: time.Now().UnixNano()}, cmd)
			if err != nil || res.Code != fsm.OK {
				t.Fatalf("%T: got %+v, %v, want OK", cmd, res, err)
			}
		}
		job := partition.JobID("bs-told")
		slice := partition.Slice{ID: partition.SliceID{Job: job}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}}
		for _, cmd := range []fsm.Command{
			fsm.PutDataset{
				Name: "default/orders", Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: "/a"}, Targets: []fsm.Place{{Namespace: "file", Name: "/b"}},
				Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus", On: 1<<fsm.NoticeStarted | 1<<fsm.NoticeCancelled}},
			},
			fsm.SubmitJob{ID: job, Name: "orders.refill", Recipe: []byte("{}"), Slices: 1},
			fsm.AddSlices{Job: job, Slices: []partition.Slice{slice}},
			fsm.StartJob{ID: job},
		} {
			do(first, cmd)
		}
		c.Eventually("a try of the first leader", func() bool { asked, _ := r.counts(); return asked > 1 })
		first.Kill()
		next := c.WaitLeader(first)
		r.answer(http.StatusOK)
		do(next, fsm.CancelJob{ID: job})
		c.Eventually("both to be told", func() bool { _, told := r.counts(); return told == 2 })
		c.Eventually("the book to know", func() bool {
			v, err := next.Node.View()
			if err != nil {
				return false
			}
			defer v.Close()
			told, err := v.Deliveries("default/orders")
			return err == nil && len(told) == 1 && told[0].Sent == 2 && told[0].Dropped == 0
		})
		if _, told := r.counts(); told != 2 || r.told[0] != r.asked[0] || r.told[1] == r.told[0] {
			t.Errorf("asked %v, told %v: want the first leader's notice first, each once", r.asked, r.told)
		}
	})
}

// TestADeadlineIsToldOnceAcrossLeaders: real nodes; the leader dies between telling of the risk and of what was missed, and the next one says neither twice.
func TestADeadlineIsToldOnceAcrossLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		r := &receivers{status: http.StatusOK}
		c.Receivers = r
		c.StartAll()
		first := c.WaitLeader()
		view := func(m *clustertest.Member, f func(v *fsm.View) (bool, error)) bool {
			v, err := m.Node.View()
			if err != nil {
				return false
			}
			defer v.Close()
			ok, err := f(v)
			return err == nil && ok
		}
		c.Eventually("the newest cluster version", func() bool {
			return view(first, func(v *fsm.View) (bool, error) {
				version, err := v.Version()
				return version == fsm.LatestVersion, err
			})
		})
		job, now := partition.JobID("bs-late"), time.Now()
		deadline := now.Add(40 * time.Second)
		for _, cmd := range []fsm.Command{
			fsm.PutDataset{
				Name: "default/orders", Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: "/a"}, Targets: []fsm.Place{{Namespace: "file", Name: "/b"}},
				Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus", On: 1<<fsm.NoticeAtRisk | 1<<fsm.NoticeMissed}},
			},
			fsm.SubmitJobOnTerms{
				Submit: fsm.SubmitJob{ID: job, Name: "orders.refill", Recipe: []byte("{}"), Slices: 1, Records: 10},
				Terms: fsm.Terms{Job: job, Calendar: partition.Calendar{Zone: "UTC"}, DetectedUnixNanos: now.UnixNano(), DeadlineUnixNanos: deadline.UnixNano(),
					AlertPercent: 50, CompletePPM: 1_000_000},
			},
		} {
			res, err := first.Node.Propose(context.Background(), fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID(), UnixNanos: time.Now().UnixNano()}, cmd)
			if err != nil || res.Code != fsm.OK {
				t.Fatalf("%T: got %+v, %v, want OK", cmd, res, err)
			}
		}
		c.Eventually("the risk to be told", func() bool { return len(r.ids()) == 1 })
		if at := time.Now(); at.Before(now.Add(20*time.Second)) || !at.Before(deadline) {
			t.Errorf("the risk was told %s behind the detection, want half of 40 s", at.Sub(now))
		}
		first.Kill()
		next := c.WaitLeader(first)
		c.Eventually("what was missed to be told", func() bool { return len(r.ids()) == 2 })
		if time.Now().Before(deadline) {
			t.Errorf("missed was told %s before the deadline", time.Until(deadline))
		}
		time.Sleep(12 * time.Second)
		if ids := r.ids(); len(ids) != 2 { // a post may be repeated, under its own id
			t.Errorf("told %v: want two notices", ids)
		}
		if !view(next, func(v *fsm.View) (bool, error) {
			told, ok, err := v.Told(job)
			return ok && told.AtRiskUnixNanos < deadline.UnixNano() && told.MissedUnixNanos >= deadline.UnixNano(), err
		}) {
			t.Error("the book does not say when both were told")
		}
	})
}
