package reach_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// amid scans one partition after the other, and does something while the first one waits for its first records.
func (l *lab) amid(do func() error) (*gap.Report, error) {
	l.t.Helper()
	var done atomic.Bool
	l.kafka.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		l.kafka.KeepControl()
		if done.CompareAndSwap(false, true) {
			l.kafka.SleepControl(func() {
				if err := do(); err != nil {
					l.t.Error(err)
				}
			})
		}
		return nil, nil, false
	})
	o := l.options()
	o.Scan.Parallel = 1
	return recovery.Scan(l.t.Context(), l.spec(""), l.clients, o)
}

// A topic that goes while it is read ends the scan with its name. What was read until then is no result.
func TestATopicThatGoesAmidAScan(t *testing.T) {
	gone := func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.DeleteTopics(ctx, "orders")
		return err
	}
	for name, change := range map[string]func(context.Context, *kadm.Client) error{
		"deleted": gone,
		"deleted and made again": func(ctx context.Context, adm *kadm.Client) error {
			err := gone(ctx, adm)
			if err == nil {
				_, err = adm.CreateTopics(ctx, 3, 1, nil, "orders")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			rep, err := l.amid(func() error { return change(t.Context(), kadm.NewClient(l.kafka.Client())) })
			var said *recovery.Error
			if rep != nil || !errors.As(err, &said) || !strings.Contains(err.Error(), "orders") || said.Code == "" || said.Hint == "" {
				t.Errorf("got %v, %v (%T), want an error with a code that names the topic and says what to type", rep, err, err)
			}
		})
	}
}

// Retention that runs under the reader is no error and no result by halves: the partition is read from where it begins now, and
// what went is missing, with that as its cause.
func TestRetentionUnderTheReaderOfAScan(t *testing.T) {
	l := newLab(t)
	rep, err := l.amid(func() error {
		var to kadm.Offsets
		for p := range int32(3) {
			to.AddOffset("orders", p, 250, -1)
		}
		_, err := kadm.NewClient(l.kafka.Client()).DeleteRecords(t.Context(), to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		if got := fmt.Sprint(rep.Result(p).Missing); got != "[[0,250)]" || rep.Facts.TargetStarts[p] != 250 {
			t.Errorf("partition %d: got %s missing and a log that begins at %d, want [0,250) and 250", p, got, rep.Facts.TargetStarts[p])
		}
	}
	for _, f := range rep.Findings {
		if !strings.HasPrefix(f.Cause, "retention") {
			t.Errorf("got %s with the cause %q, want retention", f.Kind, f.Cause)
		}
	}
}

// Kafka takes any number for a timestamp. Those that nobody meant are compared like any other. Where they are one and the same, records
// without key and value may be equal, and of equal ones the youngest is called missing.
func TestTimestampsThatNobodyMeant(t *testing.T) {
	stamps := map[string]func(i int64) int64{
		"none":             func(int64) int64 { return -1 },
		"zero":             func(int64) int64 { return 0 },
		"in seconds":       func(i int64) int64 { return 1_795_132_800 + i },
		"in microseconds":  func(i int64) int64 { return 1_795_132_800_000_000 + i },
		"in the future":    func(i int64) int64 { return 4_102_444_800_000 + i },
		"going back":       func(i int64) int64 { return 1_795_132_800_000 - i*86_400_000 },
		"as an hour twice": func(i int64) int64 { return 1_795_132_800_000 + i%3_600_000 },
	}
	for name, at := range stamps {
		t.Run(name, func(t *testing.T) {
			l := labAt(t, at)
			l.recreate(func(p int32, o int64) bool { return p != 2 || o != 150 })
			youngest, bare := 150, replaytest.Bare(l.all[2])
			for o := range bare {
				if o > 150 && replaytest.Same(bare[o:o+1], bare[150:151]) {
					youngest = o
				}
			}
			want := fmt.Sprintf("[[%d,%d)]", youngest, youngest+1)
			rep, err := recovery.Scan(t.Context(), l.spec(""), l.clients, l.options())
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rep.Result(2).Missing); got != want || len(rep.Findings) != 1 {
				t.Errorf("got %s and findings %s, want exactly %s in partition 2", got, kinds(rep), want)
			}
		})
	}
}

// Whoever scans may have a clock that is wrong by years. What is missing does not depend on it.
func TestAClockThatIsWrongChangesNoFinding(t *testing.T) {
	l := newLab(t)
	l.recreate(func(p int32, o int64) bool { return p != 1 || o < 20 || o >= 40 })
	at := func(skew time.Duration) *gap.Report {
		o := l.options()
		now := o.Now()
		o.Now = func() time.Time { return now.Add(skew) }
		rep, err := recovery.Scan(t.Context(), l.spec(""), l.clients, o)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	want := at(0)
	for _, skew := range []time.Duration{-30 * 365 * 24 * time.Hour, -time.Hour, time.Hour, 30 * 365 * 24 * time.Hour} {
		rep := at(skew)
		if len(rep.Findings) != 1 || rep.Findings[0].ID != want.Findings[0].ID || rep.Result(1).MissingRecords != 20 {
			t.Errorf("a clock wrong by %s: got %s, want the finding %s of 20 records", skew, kinds(rep), want.Findings[0].ID)
		}
	}
}
