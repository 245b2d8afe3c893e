package bubble

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
)

// A job's own hours, kept by three real nodes in virtual time: a minute in which it is slow, and one in which it is not there. What runs when the
// blackout begins is given back behind its commit, and nothing is written twice.
func TestAJobKeepsItsHours(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		const own, peak = 60, 20 // records a second
		writes := &meteredWrites{}
		l.ends = func(e *open.Ends) { e.Sink = &meteredSink{e.Sink, writes} }
		l.c.Eventually("the cluster knows calendars", func() (ok bool) {
			l.view(func(v *fsm.View) {
				version, err := v.Version()
				ok = err == nil && version == fsm.LatestVersion
			})
			return ok
		})
		l.wide(700)
		p, err := l.planned(l.inTopics("  slices: {records: 1000}\n"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		minute := time.Now().UTC().Truncate(time.Minute).Add(2 * time.Minute)
		time.Sleep(time.Until(minute.Add(-15 * time.Second)))
		at := func(m time.Time) string { return fmt.Sprintf("%d %d * * *", m.Minute(), m.Hour()) }
		l.propose(fsm.SubmitJobOnTerms{
			Submit: fsm.SubmitJob{ID: s.ID, Name: s.Name, Namespace: s.Namespace, Recipe: s.Recipe, Locks: s.Locks, Records: s.Records, Bytes: s.Bytes,
				Slices: uint32(len(s.Slices)), PlanHash: s.PlanHash},
			Terms: fsm.Terms{Job: s.ID, Calendar: partition.Calendar{
				Zone:      "UTC",
				Peaks:     []partition.Window{{Cron: at(minute), Duration: time.Minute, Rate: partition.Rate{Records: peak}}},
				Blackouts: []partition.Window{{Cron: at(minute.Add(time.Minute)), Duration: time.Minute}},
			}},
		})
		l.propose(fsm.AddSlices{Job: s.ID, Slices: s.Slices})
		l.propose(fsm.PutBudget{Scope: fsm.ScopeJob(s.ID), Rate: partition.Rate{Records: own}})
		l.propose(fsm.StartJob{ID: s.ID})
		dark := minute.Add(time.Minute)
		time.Sleep(time.Until(dark.Add(time.Minute)))
		l.ended(s.ID, fsm.JobSucceeded)
		for from := minute.Add(2 * time.Second); from.Before(dark.Add(-5 * time.Second)); from = from.Add(time.Second) {
			if n := writes.between(from, from.Add(5*time.Second)); n > 5*peak*105/100+1 || n < 5*peak*80/100 {
				t.Errorf("%d records in five seconds of peak hours, %s after they began, want %d", n, from.Sub(minute), 5*peak)
			}
		}
		if n := writes.between(dark.Add(time.Second), dark.Add(time.Minute)); n > 0 {
			t.Errorf("%d records were written in the blackout", n)
		}
		if n := writes.between(dark.Add(time.Minute), dark.Add(65*time.Second)); n < 5*own/2 {
			t.Errorf("%d records in the five seconds after the blackout", n)
		}
		if n := writes.between(time.Time{}, time.Now()); int64(n) != s.Records {
			t.Errorf("%d records were handed to the target, want %d: giving a lease back repeats nothing", n, s.Records)
		}
	})
}

// A window of maintenance that is set while a job runs, kept by three real nodes in virtual time across a change of leader: what runs when it begins is given back behind
// its commit, nothing is written in it, and nothing twice.
func TestAJobRestsInMaintenance(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		const rate = 20 // records a second
		writes := &meteredWrites{}
		l.ends = func(e *open.Ends) { e.Sink = &meteredSink{e.Sink, writes} }
		l.c.Eventually("the cluster knows windows", func() (ok bool) {
			l.view(func(v *fsm.View) {
				version, err := v.Version()
				ok = err == nil && version == fsm.LatestVersion
			})
			return ok
		})
		l.wide(40)
		p, err := l.planned(l.inTopics("  slices: {records: 1000}\n"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		l.propose(fsm.SubmitJob{ID: s.ID, Name: s.Name, Namespace: s.Namespace, Recipe: s.Recipe, Locks: s.Locks, Records: s.Records, Bytes: s.Bytes,
			Slices: uint32(len(s.Slices)), PlanHash: s.PlanHash})
		l.propose(fsm.AddSlices{Job: s.ID, Slices: s.Slices})
		l.propose(fsm.PutBudget{Scope: fsm.ScopeJob(s.ID), Rate: partition.Rate{Records: rate}})
		l.propose(fsm.StartJob{ID: s.ID})
		place, ok := fsm.PlaceOfLocks(s.Locks)
		if !ok {
			t.Fatalf("the locks %q are of no one place", s.Locks)
		}
		dark := time.Now().Add(8 * time.Second)
		l.propose(fsm.PutMaintenance{Name: "elsewhere", Scope: fsm.ScopeNamespace("shop"), Zone: "UTC", FromUnixNanos: time.Now().UnixNano(), SpanNanos: int64(time.Hour)})
		l.propose(fsm.PutMaintenance{Name: "upgrade", Scope: fsm.ScopeTarget(place), Zone: "UTC", FromUnixNanos: dark.UnixNano(), SpanNanos: int64(time.Minute)})
		time.Sleep(time.Until(dark.Add(10 * time.Second)))
		first := l.c.WaitLeader()
		l.stop(slices.Index(l.c.Members(), first))
		l.c.WaitLeader(first)
		l.start(first)
		time.Sleep(time.Until(dark.Add(time.Minute)))
		l.propose(fsm.PutBudget{Scope: fsm.ScopeJob(s.ID)})
		l.ended(s.ID, fsm.JobSucceeded)
		if n := writes.between(time.Time{}, dark); n < 2*rate {
			t.Errorf("%d records before the window: it concerned a job before it began, or another window did", n)
		}
		if n := writes.between(dark.Add(time.Second), dark.Add(time.Minute)); n > 0 {
			t.Errorf("%d records were written in the window", n)
		}
		if n := writes.between(time.Time{}, time.Now()); int64(n) != s.Records {
			t.Errorf("%d records were handed to the target, want %d: giving a lease back repeats nothing", n, s.Records)
		}
	})
}
