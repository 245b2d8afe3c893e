//go:build chaos

package stories

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"
	"backstitch/replay/gap"
)

// Records that can not be brought back, and records that nobody can read any more although everybody can bring them back. What the
// program promises of the first: each is named with its place and counted, the rest is exact, and once the cause is gone the next
// plan finds exactly them. Of the second: they are bytes, and come back as they were.

// bad is the poison of the story, "" for none.
func (w *world) bad() string {
	if i := slices.IndexFunc(w.Before, func(f fault.Fault) bool { return f.Kind == fault.PoisonRecord }); i >= 0 {
		return w.Before[i].What
	}
	return ""
}

func (w *world) has(k fault.Kind) bool {
	return slices.ContainsFunc(w.Before, func(f fault.Fault) bool { return f.Kind == k })
}

const (
	tooLarge   = 200 << 10 // bytes of a record that the topic took when it was written
	takesNow   = 100 << 10 // bytes that the topic takes when it is to come back
	everyLarge = 500       // one in so many is that large
)

// spoiled is the event as the story has it. In one about a schema each value has the frame of a registry, whose schema is another
// one from the middle on, which no registry has ever heard of.
func (w *world) spoiled(n int64, e traffic.Event) traffic.Event {
	if w.bad() == "too-large" && n%everyLarge == everyLarge/2 {
		e.Value = bytes.Repeat(e.Value, tooLarge/len(e.Value)+1)
	}
	if w.has(fault.SchemaBreak) {
		schema := uint32(7)
		if n >= w.Workload.Records/2 {
			schema = 0xfffffff0
		}
		e.Value = append(binary.BigEndian.AppendUint32([]byte{0}, schema), e.Value...)
	}
	return e
}

// narrow lets the target take no large records any more.
func (w *world) narrow(t *testing.T) {
	t.Helper()
	if w.bad() == "too-large" {
		w.takes(t, takesNow)
	}
}

func (w *world) takes(t *testing.T, size int) {
	t.Helper()
	value := fmt.Sprint(size)
	resp, err := w.admin().AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &value}}, w.topic.Name)
	if err == nil {
		_, err = resp.On(w.topic.Name, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rot turns over one bit in the middle of an object of the archive, and keeps the object as it was.
func (w *world) rot(t *testing.T) {
	t.Helper()
	if w.bad() != "corrupt" {
		return
	}
	objects, err := filepath.Glob(w.file("archive/" + w.topic.Name + "/*/*.bsa"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("%d objects in the archive (%v)", len(objects), err)
	}
	path := objects[rand.New(rand.NewPCG(w.seed, 4)).IntN(len(objects))]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rotten := bytes.Clone(whole)
	rotten[len(rotten)/3] ^= 0x04
	for name, body := range map[string][]byte{w.file("whole"): whole, w.file("whole.path"): []byte(path), path: rotten} {
		if err := os.WriteFile(name, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// mend takes the cause away.
func (w *world) mend(t *testing.T) {
	t.Helper()
	switch w.bad() {
	case "too-large":
		w.takes(t, 1<<20)
	case "corrupt":
		path, err := os.ReadFile(w.file("whole.path"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(w.file("whole"), string(path)); err != nil {
			t.Fatal(err)
		}
	}
}

// at finds the event that was made at each place of the topic that was archived.
func (w *world) at() map[int32][]traffic.Event {
	out := map[int32][]traffic.Event{}
	for e := range w.events() {
		out[e.Partition] = append(out[e.Partition], e)
	}
	return out
}

// named lists what the program says can not be brought back: in the plan, which has read all of the archive, and of the job, which
// has tried to write it.
func (w *world) named(t *testing.T) (inPlan, ofJob []client.Poison) {
	t.Helper()
	var saved struct {
		Plan struct{ Findings []gap.Finding }
	}
	text, err := os.ReadFile(w.file("plan"))
	if err == nil {
		err = json.Unmarshal(text, &saved)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range saved.Plan.Findings {
		if f.Kind != gap.Corrupt {
			continue
		}
		code, reason, _ := strings.Cut(f.Reason, ": ")
		for at := f.Range.From; at < f.Range.To; at++ {
			inPlan = append(inPlan, client.Poison{Partition: f.Partition, Offset: at, Object: f.Object, Code: code, Reason: reason})
		}
	}
	for _, s := range w.fleet.Slices(t, w.Name) {
		ofJob = append(ofJob, s.Quarantine...)
	}
	return inPlan, ofJob
}

// codes are how the program calls what is wrong.
var codes = map[string]string{"too-large": "BST-Q201", "corrupt": "BST-Q102"}

// tellPoison runs a job that may set records aside.
func (w *world) tellPoison(t *testing.T, plan testbed.Result) {
	t.Helper()
	w.status(t, "plan", plan, testbed.ExitWorkFound)
	w.report.Phase("run")
	w.status(t, "run", w.fleet.Run(t, "run", w.file("plan"), "--yes", "-q", "--timeout", w.Limit.String()), exitQuarantine)
	w.report.Phase("judge")
	aside, events := traffic.Truth{}, w.at()
	inPlan, ofJob := w.named(t)
	poison := slices.Concat(inPlan, ofJob)
	for _, p := range poison {
		if p.Code != codes[w.bad()] || p.Reason == "" {
			t.Errorf("set aside: got %+v, want code %s and a reason", p, codes[w.bad()])
		}
		aside[events[p.Partition][p.Offset].ID()]++
	}
	if len(poison) == 0 {
		t.Fatal("vacuous: nothing was set aside")
	}
	w.bit(len(poison))
	if job := w.fleet.Job(t, w.Name); job.Progress.Quarantined != int64(len(ofJob)) || job.State != "succeeded" {
		t.Errorf("job: %s, %d set aside, want it to have succeeded with the %d that are named", job.State, job.Progress.Quarantined, len(ofJob))
	}
	if w.bad() == "too-large" {
		if want := w.largeAndLost(); want != int64(len(poison)) {
			t.Errorf("set aside: %d records, want the %d that are too large", len(poison), want)
		}
	}
	rest := traffic.Truth{}
	for id, n := range w.truth {
		if n -= aside[id]; n > 0 {
			rest[id] = n
		}
	}
	now := w.read(t)
	if lost, surplus := rest.Difference(now.events); lost != 0 || surplus != 0 || now.disorder != 0 {
		t.Errorf("without what is set aside %d records are lost, %d are too many, %d out of order, want none", lost, surplus, now.disorder)
	}
	w.mended(t)
}

// largeAndLost counts the records that are too large among those that the topic lacks.
func (w *world) largeAndLost() (count int64) {
	n := int64(0)
	for e := range w.events() {
		if len(e.Value) > takesNow && (w.kept == nil || !w.kept(n, e)) {
			count++
		}
		n++
	}
	return count
}

// tellFailure runs a job that has to fail by the code that the story names, and nothing that it wrote is wrong.
func (w *world) tellFailure(t *testing.T, plan testbed.Result) {
	t.Helper()
	w.status(t, "plan", plan, testbed.ExitWorkFound)
	w.report.Phase("run")
	r := w.fleet.Run(t, "run", w.file("plan"), "--yes", "-q", "--timeout", w.Limit.String())
	if r.Status != exitFailed || !strings.Contains(r.Stdout+r.Stderr, w.Expects.Ends.Code) {
		t.Errorf("run: exit status %d, want %d and %s\n%s%s", r.Status, exitFailed, w.Expects.Ends.Code, r.Stdout, r.Stderr)
	}
	if w.bad() == "too-large" {
		w.bit(int(w.largeAndLost()))
	}
	now := w.read(t)
	if _, surplus := w.truth.Difference(now.events); surplus != 0 || now.disorder != 0 {
		t.Errorf("the job that failed left %d records too many and %d out of order, want none", surplus, now.disorder)
	}
	w.mended(t)
}

// bit notes that what is wrong with the data has hit something.
func (w *world) bit(hits int) {
	for _, f := range w.Before {
		w.report.Fault(f)
		w.report.Healed(f, hits > 0, hits)
	}
}

// mended takes the cause away: the next plan finds what is missing, and its run leaves everything exact.
func (w *world) mended(t *testing.T) {
	t.Helper()
	w.report.Phase("mend")
	w.mend(t)
	job := w.Name + "-mended"
	w.status(t, "plan", w.fleet.Run(t, "plan", "-f", w.spec(t, job), "--out", w.file("plan.mended"), "--detailed-exitcode", "-q"), testbed.ExitWorkFound)
	w.status(t, "run", w.fleet.Run(t, "run", w.file("plan.mended"), "--yes", "-q", "--timeout", w.Limit.String()), 0)
	now := w.read(t)
	if lost, surplus := w.truth.Difference(now.events); lost != 0 || surplus != 0 {
		t.Errorf("mended: %d records are lost and %d are too many, want 0 and 0", lost, surplus)
	}
	w.nothingToDo(t, job)
}
