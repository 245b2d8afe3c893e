//go:build chaos

package stories

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"backstitch/chaos/depot"
	"backstitch/chaos/fault"
	"backstitch/chaos/process"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

// TestMain lets the test binary play the broker and the store.
func TestMain(m *testing.M) {
	depot.Child()
	os.Exit(m.Run())
}

// startDepot runs a broker and a store on loopback.
func startDepot(t *testing.T, dir string) (c depot.Control, broker, endpoint string) {
	t.Helper()
	port := testbed.FreePorts(t, 3)
	at := func(n int) string { return fmt.Sprintf("127.0.0.1:%d", port+n) }
	cfg := depot.Config{Dir: filepath.Join(dir, "depot"), Broker: at(0), Store: at(1), Control: at(2), Seed: *seedFlag}
	env, err := depot.Environment(cfg)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := testbed.Start(t, process.Spec{Name: "depot", Path: own, Env: env, Log: filepath.Join(dir, "depot.log")})
	for n := range 3 {
		testbed.Listening(t, p, port+n)
	}
	return depot.Control{Addr: cfg.Control}, cfg.Broker, "http://" + cfg.Store
}

// tellStale archives twice, and from the moment between on the store lists what it had then. Whoever plans by such a listing can
// not know of what it leaves out: what it does is right as far as it goes, and the next plan finds the rest.
func (w *world) tellStale(t *testing.T) {
	t.Helper()
	half := func(n int64, _ traffic.Event) bool { return n < w.Workload.Records/2 }
	first := traffic.Truth{}
	n := int64(0)
	for e := range w.events() {
		w.truth[e.ID()]++
		if half(n, e) {
			first[e.ID()]++
		}
		n++
	}
	w.report.Phase("make")
	w.topic.Create(t)
	w.write(t, half)
	w.archive(t)
	heal, err := w.depot.Hurt(t.Context(), w.Before[0], w.topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	w.report.Fault(w.Before[0])
	w.write(t, func(n int64, e traffic.Event) bool { return !half(n, e) })
	w.archive(t)
	w.archive(t) // which does not see what the one before has written
	w.report.Phase("lose")
	w.made = w.Workload.Records
	w.again(t, func(int64, traffic.Event) bool { return false })

	w.planAndRun(t, w.Name)
	if lost, surplus := first.Difference(w.read(t).events); lost != 0 || surplus != 0 {
		t.Errorf("by the old listing %d records are lost and %d are too many, want exactly what was listed", lost, surplus)
	}
	hits, err := heal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.report.Healed(w.Before[0], hits > 0, hits)
	if hits == 0 {
		t.Error("vacuous: no listing was old")
	}

	later := w.Name + "-later"
	w.planAndRun(t, later)
	w.report.Phase("judge")
	now := w.read(t)
	if lost, surplus := w.truth.Difference(now.events); lost != 0 || surplus != 0 || now.refilled != w.made || now.disorder != 0 {
		t.Errorf("%d records are lost, %d are too many, %d were refilled, %d of them out of order; want %d refilled and nothing else", lost, surplus,
			now.refilled, now.disorder, w.made)
	}
	w.nothingToDo(t, later)
}

// archive copies the topic into the story's own corner of the store.
func (w *world) archive(t *testing.T) {
	t.Helper()
	w.fleet.Must(t, "archive", w.topic.Name, "s3://"+depot.Bucket+"/"+w.Name, "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q")
}

func (w *world) planAndRun(t *testing.T, job string) {
	t.Helper()
	w.report.Phase("plan " + job)
	w.status(t, "plan", w.fleet.Run(t, "plan", "-f", w.spec(t, job), "--out", w.file(job), "--detailed-exitcode", "-q"), testbed.ExitWorkFound)
	w.status(t, "run", w.fleet.Run(t, "run", w.file(job), "--yes", "-q", "--timeout", w.Limit.String()), 0)
}

// stale says whether the story is about old listings.
func (w *world) stale() bool { return w.has(fault.StoreStale) }

// source is the archive of the story.
func (w *world) source() testbed.Place {
	switch {
	case w.stale():
		return testbed.InS3(depot.Bucket, w.Name)
	case w.Workload.Layout == scenario.Confluent:
		return testbed.InDir(w.file("archive"), "layout: confluent", "format: json")
	}
	return testbed.InDir(w.file("archive"))
}
