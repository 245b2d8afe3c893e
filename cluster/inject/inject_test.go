package inject

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newSet() *Set { return New(time.Now, slog.New(slog.DiscardHandler)) }

func TestWhatCanNotBeDoneIsRefused(t *testing.T) {
	rows := []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: "burn", TTL: 1}, `there is no kind "burn"`},
		{Fault{Kind: Pause}, "ttl 0s"},
		{Fault{Kind: Pause, TTL: -1}, "ttl -1ns"},
		{Fault{Kind: Pause, TTL: MaxTTL + 1}, "at most 10m0s"},
		{Fault{Kind: Pause, TTL: 1, Delay: 1}, "pause has no delay"},
		{Fault{Kind: SlowDisk, TTL: 1}, "slow-disk: delay 0s"},
		{Fault{Kind: DelayRPC, TTL: 1, Delay: MaxDelay + 1}, "at most 10s"},
		{Fault{Kind: Crash, TTL: 1, Peers: []string{"node-b"}}, "crash has no peers"},
	}
	for _, row := range rows {
		if err := row.fault.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: got %v, want it to say %q", row.fault, err, row.want)
		}
	}
	if _, err := newSet().Add(Fault{Kind: Crash, TTL: 1}, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("what is done at once: got %v, want %v", err, ErrInvalid)
	}
}

func TestAFaultEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet()
		a, err := s.Add(Fault{Kind: RefuseAPI, TTL: 10 * time.Second, By: "test"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second - time.Nanosecond)
		if !s.Refuses() || s.List()[0].Hits != 1 {
			t.Error("it does not bite, or does not count, until its end")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if s.Refuses() || len(s.List()) != 0 {
			t.Error("it bites after its end")
		}
		if s.Remove(a.ID, "test") {
			t.Error("what ended by itself was taken back once more")
		}
	})
}

func TestOneOfTwoIsTakenBackAndTheOtherStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet()
		a, _ := s.Add(Fault{Kind: RefuseAPI, TTL: time.Minute}, nil)
		b, _ := s.Add(Fault{Kind: RefuseAPI, TTL: time.Minute}, nil)
		if a.ID == b.ID || !s.Remove(a.ID, "test") || !s.Refuses() {
			t.Error("the second went with the first")
		}
		if n := s.Clear("test"); n != 1 || s.Refuses() {
			t.Errorf("clear: got %d, want 1 and silence", n)
		}
	})
}

func TestThereIsABoundOnHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet()
		defer s.Clear("test")
		var err error
		for range maxFaults {
			if _, err = s.Add(Fault{Kind: Pause, TTL: time.Minute}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err = s.Add(Fault{Kind: Pause, TTL: time.Minute}, nil); !errors.Is(err, ErrTooMany) {
			t.Errorf("got %v, want %v", err, ErrTooMany)
		}
	})
}

func TestEndsAreComparedByAddress(t *testing.T) {
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"10.0.0.1:7422", "10.0.0.1:7422", true},
		{"10.0.0.1:7422", "10.0.0.1:7423", false},
		{"[::ffff:10.0.0.1]:7422", "10.0.0.1:7422", true},
		{"node-a:7422", "node-a:7422", true},
		{"node-a:7422", "10.0.0.1:7422", false},
		{"", "", false},
	} {
		if got := sameEnd(row.a, row.b); got != row.same {
			t.Errorf("%q and %q: got %t, want %t", row.a, row.b, got, row.same)
		}
	}
}
