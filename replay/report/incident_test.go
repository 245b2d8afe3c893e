package report_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/report"

	"github.com/google/go-cmp/cmp"
)

// incident is a book with a job that was steered, lost a node, was proved and was rolled back.
func incident(t *testing.T) (*fsm.View, fsm.Proof) {
	t.Helper()
	const job = partition.JobID("bs-7f3k2m")
	id := func(n uint32) partition.SliceID { return partition.SliceID{Job: job, N: n} }
	grant := func(n uint32, to partition.NodeID, seen partition.Epoch) fsm.Command {
		return fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id(n), Owner: to, Seen: seen}}}
	}
	c := comparison(0)
	c.ReadBy = "id0c"
	attested := c
	attested.Evidence = fsm.E4
	p := fsm.Proof{ID: "r-20af", Job: job, Verdict: fsm.Pass, Evidence: fsm.E4, UnixNanos: 7, By: "id0a", Comparisons: []fsm.Comparison{attested}}
	steps := []struct {
		cmd fsm.Command
		why string
	}{
		{member("id0a"), ""}, {member("id0b"), ""}, {member("id0c"), ""}, {fsm.RaiseVersion{Version: fsm.LatestVersion}, ""},
		{fsm.SubmitJob{
			ID: job, Name: "orders-gap", Namespace: "shop", Slices: 2, PlanHash: [32]byte{9}, Records: 210, Bytes: 6400, Locks: []string{"dir:/copy/0"},
			Recipe: []byte(`{"version":1,"source":{"layout":"archive","url":"s3://x","topic":"orders"},"target":{"kind":"dir","path":"/copy"},"left":["object b is gone"]}`),
		}, "INC-4211"},
		{fsm.AddSlices{Job: job, Slices: []partition.Slice{
			{ID: id(0), Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 210}}},
			{ID: id(1), Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 1000}}, Filled: partition.Ranges{{From: 0, To: 210}}},
		}}, ""},
		{fsm.StartJob{ID: job}, "ok by ana"},
		{fsm.SetPriority{ID: job, Priority: 80}, "before the morning batch"},
		{fsm.PutBudget{Scope: fsm.ScopeJob(job), Rate: partition.Rate{Bytes: 1 << 20}}, "lag of billing"},
		{fsm.PutBudget{Scope: fsm.ScopeCluster, Rate: partition.Rate{Records: 500}}, "brokers are busy"},
		{fsm.PutBudget{Scope: fsm.ScopeNamespace("other"), Rate: partition.Rate{Records: 5}}, "not ours"},
		{grant(0, "id0b", 0), "free lanes"},
		{grant(0, "id0a", 1), "id0b gossip calls it dead"},
		{fsm.PauseJob{ID: job}, "peak hour"}, {fsm.ResumeJob{ID: job}, "peak is over"},
		{grant(0, "id0a", 2), "free lanes"},
	}
	var cmds []fsm.Command
	reasons := map[int]string{}
	add := func(cmd fsm.Command, why string) { reasons[len(cmds)] = why; cmds = append(cmds, cmd) }
	for _, s := range steps {
		add(s.cmd, s.why)
	}
	add(fsm.FinishSlice{Slice: id(0), Owner: "id0a", Epoch: 3, Checkpoint: fsm.Checkpoint{Epoch: 3, Cursor: 210, Records: 210}}, "")
	add(fsm.BeginVerify{ID: job}, "all 1 fill slices are done")
	add(grant(1, "id0c", 0), "free lanes")
	add(fsm.FinishSlice{Slice: id(1), Owner: "id0c", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 1000}, Comparison: &c}, "")
	add(fsm.RecordProof{Proof: p}, "all 1 verify slices are done")
	add(fsm.FinishJob{ID: job, State: fsm.JobSucceeded, Proof: p.ID}, "proof r-20af: pass at E4")
	add(fsm.SetMemberState{ID: "id0b", State: fsm.MemberDraining}, "after the proof, and of no interest")
	add(fsm.VoidJob{Job: job}, "INC-4212, the wrong day")
	return bookOf(t, reasons, cmds...), p
}

// TestAReportTellsTheIncident: who steered the job, why, what moved, and what was done about it after the proof, in the order of the
// book, with what was decided and what to type.
func TestAReportTellsTheIncident(t *testing.T) {
	v, p := incident(t)
	r, err := report.FromBook(v, p.ID, "c1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range r.Timeline {
		got = append(got, e.What+" | "+e.Why)
	}
	want := []string{
		"the plan was submitted | INC-4211", "the job was approved and started | ok by ana",
		"the job's priority was changed | before the morning batch", "the job's bound was changed | lag of billing",
		"budget of cluster was changed | brokers are busy",
		"1 leases moved to other nodes | node-b gossip calls it dead", "the job was paused | peak hour", "the job went on | peak is over",
		"everything was written; comparing began | all 1 fill slices are done", "the proof was recorded: pass at E4 | all 1 verify slices are done",
		"the job ended | proof r-20af: pass at E4", "the job was rolled back: what it wrote into files is made void | INC-4212, the wrong day",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("timeline (-got +want):\n%s", diff)
	}
	var decided []string
	for _, d := range r.Decisions {
		decided = append(decided, d.What+" | "+d.By+" | "+d.Why)
	}
	for _, want := range []string{"the plan, 210 records of 6.2 KiB, was submitted", "priority 80", "cluster is bounded to 500 records a second", "left out: object b is gone"} {
		if !slices.ContainsFunc(decided, func(s string) bool { return strings.HasPrefix(s, want+" | ") }) {
			t.Errorf("no decision %q in %q", want, decided)
		}
	}
	if slices.ContainsFunc(decided, func(s string) bool { return strings.Contains(s, "other") }) {
		t.Errorf("a bound of others is told as one of the job: %q", decided)
	}
	f := seal(t, r)
	if r.Version != report.Version2 || !bytes.Contains(f.JSON(), []byte(`"statement":{"format":"backstitch-report"`)) {
		t.Errorf("got version %d", r.Version)
	}
	page, err := f.HTML()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := f.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "incident.json", f.JSON())
	golden(t, "incident.txt", text.Bytes())
	for _, c := range r.Commands {
		if !bytes.Contains(page, []byte(c.Run)) || !strings.Contains(text.String(), c.Run) {
			t.Errorf("page or text lack %q", c.Run)
		}
	}
	for name, b := range map[string][]byte{"json": f.JSON(), "html": page} {
		if got, err := report.Decode(name, b); err != nil || got.Report.Version != report.Version2 {
			t.Errorf("%s: %v", name, err)
		}
		for _, word := range []string{"peak hour", "priority 80", "rollback bs-7f3k2m"} {
			if _, err := report.Decode(name, bytes.Replace(b, []byte(word), []byte(strings.ToUpper(word)), 1)); err == nil {
				t.Errorf("%s: %q was changed and nobody saw it", name, word)
			}
		}
	}
}

// TestAReportTellsWhatWasFound: of a job that the cluster planned by itself the story begins with the scan, and who let it run is named.
func TestAReportTellsWhatWasFound(t *testing.T) {
	const scan, job = partition.JobID("bs-scan"), partition.JobID("bs-fill")
	plan := fsm.PlanID("shop/orders", scan)
	of := func(j partition.JobID, n uint32) partition.SliceID { return partition.SliceID{Job: j, N: n} }
	grant := func(id partition.SliceID) fsm.Command {
		return fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id, Owner: "id0a"}}}
	}
	order := fsm.ScanOrder{Namespace: "shop", Name: "orders.scan", Dataset: "orders", Pair: "p", Recipe: []byte("{}"), Keep: 1}
	c := comparison(0)
	c.ReadBy = "id0a"
	p := fsm.Proof{ID: "r-20af", Job: job, Verdict: fsm.Pass, Evidence: fsm.E3, UnixNanos: 7, By: "id0a", Comparisons: []fsm.Comparison{c}}
	made := fsm.MadePlan{
		Job: job, Name: "orders.refill", Hash: [32]byte{1}, Locks: []string{"dir:/b/0"}, Records: 210, Bytes: 6400, Document: []byte("d"), Warnings: []string{"BST-P1"},
		Recipe: []byte(`{"version":1,"source":{"layout":"archive","url":"s3://x","topic":"orders"},"target":{"kind":"dir","path":"/b"}}`),
		Slices: []partition.Slice{
			{ID: of(job, 0), Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 210}}},
			{ID: of(job, 1), Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 1000}}, Filled: partition.Ranges{{From: 0, To: 210}}},
		},
	}
	one := fsm.Checkpoint{Epoch: 1}
	v := bookOf(t, map[int]string{11: "INC-4211"},
		member("id0a"), fsm.RaiseVersion{Version: fsm.LatestVersion},
		fsm.PutDatasetWithPolicy{Act: fsm.PolicyRun, MaxRecords: 50, MaxBytes: 1 << 20, Dataset: fsm.PutDataset{
			Name: "shop/orders", Document: []byte("{}"), Reference: fsm.Place{Namespace: "file", Name: "/a"}, Targets: []fsm.Place{{Namespace: "file", Name: "/b"}},
			Orders: []fsm.ScanOrder{{Namespace: "shop", Dataset: "orders", Pair: "p", Recipe: []byte("{}")}},
		}},
		fsm.SubmitScan{ID: scan, Order: &order}, grant(of(scan, 0)),
		fsm.FinishScanSlice{Slice: of(scan, 0), Owner: "id0a", Epoch: 1, Checkpoint: one, Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{}}, Header: []byte("{}")}},
		grant(of(scan, 1)),
		fsm.FinishScanSlice{Slice: of(scan, 1), Owner: "id0a", Epoch: 1, Checkpoint: one,
			Part: &fsm.ScanPart{Counts: fsm.ScanCounts{Comparable: 1, Compared: 1000, Matched: 790, Missing: 210, Findings: 1}, Body: []byte("b")}},
		fsm.FinishScan{ID: scan}, grant(of(plan, 0)),
		fsm.KeepPlan{Slice: of(plan, 0), Owner: "id0a", Epoch: 1, Checkpoint: one, Made: &made},
		fsm.ApprovePlan{ID: plan, Hash: made.Hash},
		grant(of(job, 0)),
		fsm.FinishSlice{Slice: of(job, 0), Owner: "id0a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 210, Records: 210}},
		fsm.BeginVerify{ID: job}, grant(of(job, 1)),
		fsm.FinishSlice{Slice: of(job, 1), Owner: "id0a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 1000}, Comparison: &c},
		fsm.RecordProof{Proof: p},
	)
	r, err := report.FromBook(v, p.ID, "c1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range r.Timeline[:3] {
		got = append(got, e.Who+": "+e.What+" | "+e.Why)
	}
	want := []string{
		"scan bs-scan: it found 210 records missing, 0 twice, 0 only in the target, 1 finding and 0 about which nothing can be said; a plan was begun | ",
		"leader:node-a: the plan was made, and waits for a person | ", "leader:node-a: the plan was approved, and started | INC-4211",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("timeline (-got +want):\n%s", diff)
	}
	said := fmt.Sprint(r.Decisions)
	for _, want := range []string{"policy of dataset shop/orders: run now, at most 50 records", "plan " + string(plan) + ", 210 records", "INC-4211"} {
		if !strings.Contains(said, want) {
			t.Errorf("decisions lack %q: %s", want, said)
		}
	}
	if run := r.Commands[1].Run; run != "backstitch dataset plan shop/orders "+string(plan) {
		t.Errorf("the plan is shown by %q", run)
	}
}

// TestOldReportsAreStillChecked: those of version 1 read and render as they did, and have no room for what came later.
func TestOldReportsAreStillChecked(t *testing.T) {
	for _, name := range []string{"fail.json", "fail.html"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := report.Decode(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if f.Report.Version != report.Version1 || !f.SignedBy(clusterKey.Public()) {
			t.Errorf("%s: version %d, signed by %x", name, f.Report.Version, f.Key)
		}
	}
	for what, change := range map[string]func(*report.Report){
		"decisions in version 1": func(r *report.Report) { r.Decisions = []report.Decision{{What: "x", By: "y"}} },
		"version 3":              func(r *report.Report) { r.Version = 3 },
	} {
		r := made(cases()["pass"])
		change(r)
		if _, err := report.Decode("r.json", seal(t, r).JSON()); err == nil {
			t.Errorf("%s: it was taken", what)
		}
	}
}

// TestAProofThatIsNoPassNamesItsRunbook: whoever reads of a fail reads where to go on.
func TestAProofThatIsNoPassNamesItsRunbook(t *testing.T) {
	for name, want := range map[string]string{
		"pass": "", "fail": "deploy/runbooks/BackstitchVerifyFailed.md", "indeterminate": "deploy/runbooks/BackstitchVerifyIndeterminate.md",
	} {
		p := cases()[name]
		a := about(p.Comparisons...)
		a.Commands = []report.Command{{For: "to compare again", Run: "backstitch verify JOB"}}
		if got := report.New(p, a).Runbook; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
