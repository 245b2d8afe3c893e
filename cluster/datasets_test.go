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
