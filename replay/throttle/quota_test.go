package throttle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/record"
	"backstitch/replay/throttle"
)

const job = fsm.Scope("job/bs-a")

var scopes = []fsm.Scope{fsm.ScopeCluster, job}

// budgets bound the whole cluster; how much is in the shares.
var budgets = []fsm.Budget{{Scope: fsm.ScopeCluster, Rate: partition.Rate{Bytes: 1}}}

// grant gives q a share of the whole cluster that is good for so long.
func grant(q *throttle.Quota, s share.Share, index uint64, d time.Duration) {
	q.Answer(q.Wants(), share.Answer{Index: index, Grants: []share.Grant{{Scope: string(fsm.ScopeCluster), Share: s}}}, time.Now().Add(d))
}

func perSecond(bytes, records, requests int64) share.Share {
	return share.Whole(partition.Rate{Bytes: bytes, Records: records, Requests: requests})
}

// spend takes records of 1 KiB as fast as it may until the end, and returns how many.
func spend(l *throttle.Lane, until time.Time) (n int) {
	rs := make([]record.Record, 100)
	for i := range rs {
		rs[i].Value = make([]byte, 1<<10)
	}
	for time.Now().Before(until) {
		took, wait := l.Take(rs)
		n += took
		time.Sleep(max(wait, time.Microsecond))
	}
	return n
}

func TestLanesShareWhatTheNodeHas(t *testing.T) {
	for _, c := range []struct {
		name string
		rate share.Share
		want int // records of 1 KiB in ten seconds
	}{
		{"bytes", perSecond(100<<10, 0, 0), 1000},
		{"records", perSecond(0, 50, 0), 500},
		{"the lower of both", perSecond(100<<10, 20, 0), 200},
		{"less than one a second", share.Share{share.More, 500, share.More}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := throttle.NewQuota(time.Now)
				q.Bound(budgets, 1)
				m := q.Meter(scopes)
				var lanes []*throttle.Lane
				for range 3 {
					lanes = append(lanes, m.Lane())
				}
				grant(q, c.rate, 1, time.Hour)
				end, sum := time.Now().Add(10*time.Second), make(chan int)
				for _, l := range lanes {
					go func() { sum <- spend(l, end) }()
				}
				n := <-sum + <-sum + <-sum
				// What is saved up at the beginning is nothing, and one piece may be under way.
				if n > c.want*105/100+1 || n < c.want*90/100-1 {
					t.Errorf("%d records in ten seconds, want about %d", n, c.want)
				}
			})
		})
	}
}

func TestNothingWithoutAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		free := q.Meter(scopes).Lane()
		if n := spend(free, time.Now().Add(time.Microsecond)); n == 0 {
			t.Error("nothing goes through, and there is no budget")
		}
		q.Bound(budgets, 5)
		if n := spend(free, time.Now().Add(time.Second)); n != 0 {
			t.Errorf("%d records went through a budget of which there is no share", n)
		}
		if w := q.Wants(); w[0].Has != (share.Share{}) || w[0].Wants[0] != share.More {
			t.Errorf("it says %+v, and waited without a share", w[0])
		}
		grant(q, perSecond(100<<10, 0, 0), 5, time.Second)
		if n := spend(free, time.Now().Add(10*time.Second)); n < 90 || n > 121 {
			t.Errorf("%d records with a share of 100 a second that was good for one", n)
		}
		if w := q.Wants(); w[0].Has != (share.Share{}) {
			t.Errorf("it has %v, and the share has lapsed", w[0].Has)
		}
		// An answer that is older than the budget takes nothing away; a newer one does.
		q.Answer(q.Wants(), share.Answer{Index: 4}, time.Now())
		if n := spend(free, time.Now().Add(time.Second)); n != 0 {
			t.Errorf("%d records went through on old news", n)
		}
		q.Answer(q.Wants(), share.Answer{Index: 6}, time.Now())
		if n := spend(free, time.Now().Add(time.Microsecond)); n == 0 {
			t.Error("the budget was removed, and nothing goes through")
		}
	})
}

func TestWhatALaneWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		q.Bound(budgets, 1)
		l := q.Meter(scopes).Lane()
		defer l.Close()
		grant(q, perSecond(1<<20, 0, 0), 1, time.Hour)
		time.Sleep(time.Second)
		one := []record.Record{{Value: make([]byte, 10<<10)}}
		for range 10 {
			if n, _ := l.Take(one); n != 1 {
				t.Fatal("held back")
			}
			time.Sleep(100 * time.Millisecond)
		}
		w := q.Wants()
		// 100 KiB in two seconds and a quarter more.
		if got := w[0].Wants[0] / share.Milli; got < 60<<10 || got > 66<<10 {
			t.Errorf("wants %d bytes a second, and spent 50 KiB a second", got)
		}
		spend(l, time.Now().Add(time.Second))
		if w := q.Wants(); w[0].Wants[0] != share.More || w[1].Wants[0] == share.More {
			t.Errorf("it was held back by the cluster's budget and not by the job's, and wants %+v", w)
		}
	})
}

func TestWhatWasReadIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		q.Bound(budgets, 1)
		l := q.Meter(scopes).Lane()
		grant(q, perSecond(1<<20, 0, 0), 1, time.Hour)
		began := time.Now()
		for range 8 {
			if err := l.Pay(t.Context(), 1000, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 7900*time.Millisecond || took > 8300*time.Millisecond {
			t.Errorf("8 MiB at 1 MiB/s took %s", took)
		}
	})
}

func TestCallsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		q.Bound(budgets, 1)
		m := q.Meter(scopes)
		l := m.Lane()
		grant(q, perSecond(0, 0, 10), 1, time.Hour)
		began := time.Now()
		for range 50 {
			if err := m.Call(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 4700*time.Millisecond || took > 5300*time.Millisecond {
			t.Errorf("50 calls at 10 a second took %s", took)
		}
		// Calls that were made without asking are waited for by whoever spends next.
		m.Called(20)
		if _, wait := l.Take([]record.Record{{}}); wait == 0 {
			t.Error("twenty calls too many, and nobody waits")
		}
		l.Close()
		m.Called(1000) // nobody runs: nothing to pay from
		if l := m.Lane(); l == nil {
			t.Error("no lane")
		}
	})
}

func TestGivenBackIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		q.Bound(budgets, 1)
		l := q.Meter(scopes).Lane()
		grant(q, perSecond(0, 1000, 0), 1, time.Hour)
		time.Sleep(time.Second)
		rs := make([]record.Record, 500)
		n, _ := l.Take(rs)
		l.GiveBack(int64(n), 0)
		if again, _ := l.Take(rs); again != n {
			t.Errorf("took %d, gave them back, and got %d", n, again)
		}
	})
}

// A lane under two scopes, of which one has no share yet, keeps what it can use in the other: both are needed at once.
func TestWhoWaitsForAnotherScopeKeepsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		q.Bound([]fsm.Budget{{Scope: fsm.ScopeCluster}, {Scope: job}}, 1)
		l := q.Meter(scopes).Lane()
		give := func(cluster, ofJob share.Share) (wanted map[string]int64) {
			wants := q.Wants()
			wanted = map[string]int64{}
			for _, w := range wants {
				wanted[w.Scope] = w.Wants[0]
			}
			q.Answer(wants, share.Answer{Index: 1, Grants: []share.Grant{{Scope: string(fsm.ScopeCluster), Share: cluster}, {Scope: string(job), Share: ofJob}}}, time.Now().Add(time.Hour))
			return wanted
		}
		some, nothing := perSecond(1<<20, 0, 0), share.Share{0, share.More, share.More}
		give(some, nothing)
		time.Sleep(time.Second) // of the cluster there is enough
		if n := spend(l, time.Now().Add(time.Second)); n != 0 {
			t.Fatalf("%d records went through a scope without a share", n)
		}
		wanted := give(some, nothing)
		if wanted[string(job)] != share.More || wanted[string(fsm.ScopeCluster)] != some[0]/2 {
			t.Errorf("it wants %v, want more of the job and half of what it has of the cluster", wanted)
		}
		give(some, some)
		spend(l, time.Now().Add(time.Second))
		if give(nothing, some); spend(l, time.Now().Add(5*time.Second)) != 0 {
			t.Error("what a share of before has left goes through once there is none")
		}
		if wanted = give(nothing, some); wanted[string(fsm.ScopeCluster)] != share.More {
			t.Errorf("of a scope of which it has nothing, it wants %v", wanted)
		}
	})
}
