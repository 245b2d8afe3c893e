package throttle_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/partition/share"
	"backstitch/replay/record"
	"backstitch/replay/throttle"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestThePaceAndTheBudgetHoldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := throttle.NewQuota(time.Now)
		m := q.Meter(scopes)
		a, b := m.Lane(), m.Lane()
		defer a.Close()
		defer b.Close()
		both := func(d time.Duration) int {
			end, sum := time.Now().Add(d), make(chan int)
			for _, l := range []*throttle.Lane{a, b} {
				go func() { sum <- spend(l, end) }()
			}
			return <-sum + <-sum
		}
		both(time.Millisecond)
		if spent, held, _ := m.Paced(); spent == 0 || held {
			t.Errorf("without a bound: spent %.0f, held %t: a rate follows from what is spent", spent, held)
		}
		m.Pace(100 << 10)
		if n := both(10 * time.Second); n < 900 || n > 1051 {
			t.Errorf("%d records of 1 KiB in ten seconds at 100 KiB/s", n)
		}
		if spent, held, waited := m.Paced(); spent < 900<<10 || spent > 1051<<10 || !held || waited == 0 {
			t.Errorf("spent %.0f, held %t, waited %s", spent, held, waited)
		}
		q.Bound(budgets, 1)
		grant(q, perSecond(50<<10, 0, 0), 1, time.Hour)
		if n := both(10 * time.Second); n < 450 || n > 526 {
			t.Errorf("%d records with a budget of 50 KiB/s, which is less", n)
		}
		grant(q, perSecond(200<<10, 0, 0), 1, time.Hour)
		both(time.Second) // until what was owed to the lower budget is paid
		q.Wants()
		if n := both(10 * time.Second); n < 900 || n > 1051 {
			t.Errorf("%d records at a pace of 100 KiB/s, which is less than the budget", n)
		}
		// What feedback holds back asks for no more of the budget than it can use.
		if w := q.Wants()[0].Wants[0]; w == share.More || w > 135<<10*share.Milli {
			t.Errorf("it wants %d of a budget that does not bind", w)
		}
		m.Pace(math.Inf(1))
		if n := both(10 * time.Second); n < 1800 {
			t.Errorf("%d records at 200 KiB/s once the pace is gone", n)
		}
	})
}

func TestWhatATargetSays(t *testing.T) {
	m := throttle.NewQuota(time.Now).Meter(scopes)
	hook := m.Hook()
	took := func(key int16, d time.Duration) {
		hook.(kgo.HookBrokerE2E).OnBrokerE2E(kgo.BrokerMetadata{}, key, kgo.BrokerE2E{ReadWait: d})
	}
	for i := range 9 {
		took(0, time.Duration(i+1)*time.Millisecond)
		took(1, time.Hour) // a fetch waits for records, and says nothing
	}
	if s := m.Sensed(10); s.Produced != 0 {
		t.Errorf("%+v of nine requests, and ten were wanted", s)
	}
	took(0, time.Minute) // one in ten may
	hook.(kgo.HookBrokerThrottle).OnBrokerThrottle(kgo.BrokerMetadata{}, time.Second, true)
	for _, status := range []int{200, 404, 412, 429, 500, 503} {
		m.Answered(status)
	}
	want := throttle.Sensed{Slow: 9 * time.Millisecond, Produced: 10, Throttled: time.Second, Refused: 2}
	if s := m.Sensed(10); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if s := m.Sensed(1); s != (throttle.Sensed{}) {
		t.Errorf("the same twice: %+v", s)
	}
	for i := range 2000 { // no more is remembered than what is new
		took(0, time.Duration(i)*time.Millisecond)
	}
	if s := m.Sensed(1); s.Produced != 512 || s.Slow < 1900*time.Millisecond {
		t.Errorf("%+v of the last of 2,000", s)
	}
	var none *throttle.Meter
	none.Answered(503)
	none.Pace(1)
	if s, held, _ := none.Paced(); none.Sensed(1) != (throttle.Sensed{}) || s != 0 || held {
		t.Error("a meter that is none says something")
	}
	if n, wait := none.Lane().Take(make([]record.Record, 3)); n != 3 || wait != 0 {
		t.Error("a lane of none is bounded")
	}
}

// What a pace lets through at once others wait behind, so it is less than what a budget does; and not less than is worth a request.
func TestAPaceComesInSmallPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := make([]record.Record, 4<<10)
		for i := range rs {
			rs[i].Value = make([]byte, 1<<10)
		}
		for _, c := range []struct{ rate, pace, budget int }{ // KiB, the last two at once
			{20 << 10, 1 << 10, 4 << 10},
			{1 << 10, 64, 204},
			{100, 20, 20},
		} {
			q := throttle.NewQuota(time.Now)
			m := q.Meter(scopes)
			l := m.Lane()
			m.Pace(float64(c.rate << 10))
			time.Sleep(time.Second)
			if n, _ := l.Take(rs); n != c.pace {
				t.Errorf("a pace of %d KiB/s lets %d KiB through at once, want %d", c.rate, n, c.pace)
			}
			m.Pace(math.Inf(1))
			q.Bound(budgets, 1)
			grant(q, perSecond(int64(c.rate)<<10, 0, 0), 1, time.Hour)
			time.Sleep(time.Second)
			if n, _ := l.Take(rs); n != c.budget {
				t.Errorf("a budget of %d KiB/s lets %d KiB through at once, want %d", c.rate, n, c.budget)
			}
			l.Close()
		}
	})
}
