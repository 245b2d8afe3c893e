package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/spec"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

// profileFile is a profile of a day in four partitions, as a file.
func profileFile(t *testing.T) string {
	t.Helper()
	l := synth.NewLearner(synth.Options{})
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		l.Add(int32(i%4), &record.Record{
			TimestampMs: day.Add(time.Duration(i) * 20 * time.Second).UnixMilli(), Key: fmt.Appendf(nil, "customer-%d", i%90),
			Value: fmt.Appendf(nil, `{"order":%d,"cents":%d}`, i, i*7919%10_000),
		})
	}
	p, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return textFile(t, "orders.profile.json", string(b))
}

func textFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// listener counts who connects to it: a place of the real world that nobody may touch.
func listener(t *testing.T) (string, *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), &n
}

// TestARehearsalBringsEverythingBack starts real agents of one node: a whole job, the real places of which count who connects.
func TestARehearsalBringsEverythingBack(t *testing.T) {
	kafka, toKafka := listener(t)
	s3, toS3 := listener(t)
	file := textFile(t, "orders.yaml", fmt.Sprintf(`apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: orders}
spec:
  source: {s3: {bucket: acme-archive, prefix: x, endpoint: "http://%s"}}
  target: {kafka: {brokers: %q, topic: orders}}
`, s3, kafka))
	dir := t.TempDir()
	exe, err := exec.LookPath("backstitch") // this test binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "rehearse", "-f", file, "--like", profileFile(t), "--records", "3000", "--nodes", "1", "--sla", "10m",
		"--lose", "p01:02:00-05:00", "--dup", "1%", "--corrupt", "5", "-o", "json", "-q")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its children
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	var out rehearsal
	if err := json.Unmarshal([]byte(stdout.String()), &out); err != nil {
		t.Fatal(err)
	}
	if !out.Passed || out.Lost < 50 || out.Found != out.Lost || out.Written != out.Lost || out.Judged.Records <= 3000 || out.Proof != "pass" || out.SLA != slaHeld {
		t.Errorf("got %+v", out)
	}
	if out.Store.Get == 0 || out.Store.Put != 0 {
		t.Errorf("store: got %+v, want that it was read", out.Store)
	}
	if toKafka.Load() != 0 || toS3.Load() != 0 {
		t.Errorf("%d connections to the spec's Kafka and %d to its store, want none", toKafka.Load(), toS3.Load())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhatOfASpecIsRehearsed(t *testing.T) {
	parse := func(more string) *spec.Recovery {
		t.Helper()
		r, err := spec.Parse("x", []byte(`{apiVersion: backstitch.dev/v1, kind: Recovery, metadata: {name: orders, annotations: {ticket: secret}}, spec: {
source: {s3: {bucket: acme-archive, prefix: real, endpoint: "https://real-store:9000"}}, target: {kafka: {brokers: "real-broker:9092", topic: orders}}`+more+"}}"),
			spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	out, err := rehearsed(parse(`, select: {partitions: "0-2"}, write: {commitRecords: 500}, range: {from: "2026-11-20T02:00:00Z", to: "2026-11-20T05:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := specText(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"real", "acme", "secret", "range"} {
		if strings.Contains(string(text), word) {
			t.Errorf("%q is in the sandbox's spec:\n%s", word, text)
		}
	}
	if !strings.Contains(string(text), `"commitRecords": 500`) || !strings.Contains(string(text), `"partitions": "0-2"`) {
		t.Errorf("what is carried over is missing:\n%s", text)
	}
	inPieces(out, 6000)
	if out.Spec.Slices.Records != 100 || out.Spec.Write.CommitRecords != 100 {
		t.Errorf("in pieces: got %+v and %+v", out.Spec.Slices, out.Spec.Write)
	}
	for field, more := range map[string]string{
		"write.dedupe":  `, write: {dedupe: {key: [key]}}`,
		"range.offsets": `, range: {offsets: {from: 1, to: 5}}`, "schedule.blackout": `, schedule: {blackout: [{cron: "0 2 * * *", duration: 1h}]}`,
		"schedule.peakHours": `, schedule: {peakHours: [{cron: "0 2 * * *", duration: 1h, throttle: {bytesPerSecond: 5MiB}}]}`, "throttle.spare": `, throttle: {spare: {groups: [billing]}}`,
	} {
		if _, err := rehearsed(parse(more)); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v, want it refused by name", field, err)
		}
	}
}

func TestWhatARehearsalLosesByItself(t *testing.T) {
	data, err := os.ReadFile(profileFile(t))
	if err != nil {
		t.Fatal(err)
	}
	p, err := synth.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Partitions {
		p.Partitions[i].Hours = [24]int64{9: 500, 14: 500}
	}
	r := &spec.Recovery{Spec: spec.Spec{Select: &spec.Select{Partitions: "1-3"}}}
	got, err := lossOf(r, p)
	want := []synth.Window{{Partition: 1, From: 9 * time.Hour, To: 15 * time.Hour}, {Partition: 3, From: 9 * time.Hour, To: 15 * time.Hour}}
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("without a range: %v (-got +want):\n%s", err, diff)
	}
	r.Spec.Range = &spec.Range{From: "2026-12-24T02:00:00Z", To: "2026-12-24T05:00:00Z"}
	got, err = lossOf(r, p)
	if err != nil || len(got) != 3 || got[2] != (synth.Window{Partition: 3, From: 2 * time.Hour, To: 5 * time.Hour}) {
		t.Errorf("with a range: got %v, %v", got, err)
	}
	r.Spec.Range.To = "2026-12-25T05:00:00Z"
	if got, err = lossOf(r, p); err != nil || len(got) != 2 {
		t.Errorf("with a range of more than a day: got %v, %v", got, err)
	}
}

func TestTheVerdictOfARehearsal(t *testing.T) {
	good := func() rehearsal {
		return rehearsal{
			Records: 1000, Real: 10_000, Lost: 10, Found: 10, Written: 10, Proof: "pass", Judged: &replica.Verdict{Records: 1000},
			Phases: []rehearsalPhase{{Name: "start", Ms: 900}, {Name: "run", Ms: 2000, counts: true}, {Name: "prove", Ms: 1000, counts: true}},
		}
	}
	rows := []struct {
		name   string
		change func(*rehearsal)
		exit   int
		sla    string
	}{
		{"all is well", func(*rehearsal) {}, 0, ""},
		{"the SLA held", func(r *rehearsal) { r.SLAMs = 30_000 }, 0, slaHeld},
		{"between", func(r *rehearsal) { r.SLAMs = 29_999 }, client.ExitIndeterminate, slaNotShown},
		{"the SLA broken", func(r *rehearsal) { r.SLAMs = 2999 }, client.ExitDiffer, slaBroken},
		{"nothing lost", func(r *rehearsal) { r.Lost, r.Found, r.Written = 0, 0, 0 }, client.ExitDiffer, ""},
		{"one not found", func(r *rehearsal) { r.Found = 9 }, client.ExitDiffer, ""},
		{"one false", func(r *rehearsal) { r.False = 1 }, client.ExitDiffer, ""},
		{"one not written", func(r *rehearsal) { r.Written = 9 }, client.ExitDiffer, ""},
		{"one missing", func(r *rehearsal) { r.Judged.Missing = 1 }, client.ExitDiffer, ""},
		{"one too many", func(r *rehearsal) { r.Judged.Extra = 1 }, client.ExitDiffer, ""},
		{"not read back", func(r *rehearsal) { r.Judged = nil }, client.ExitDiffer, ""},
		{"no proof", func(r *rehearsal) { r.Proof = "indeterminate" }, client.ExitDiffer, ""},
		{"nobody hurt", func(r *rehearsal) { r.Chaos = "kill-owner" }, client.ExitDiffer, ""},
	}
	for _, row := range rows {
		r := good()
		row.change(&r)
		r.judge()
		exit := 0
		if err := r.err(); err != nil {
			exit = explain(err).Exit
		}
		if exit != row.exit || r.Passed != (row.exit == 0) || r.SLA != row.sla || r.RecoveryMs != 3000 || r.RealLowMs != 3000 || r.RealHighMs != 30_000 {
			t.Errorf("%s: got exit %d (%v), SLA %q, %d to %d ms; want exit %d, SLA %q", row.name, exit, r.Wrong, r.SLA, r.RealLowMs, r.RealHighMs, row.exit, row.sla)
		}
	}
}

func TestSynthLearnsGeneratesAndRefuses(t *testing.T) {
	p := newPlace(t)
	dir := t.TempDir()
	profile, planted := filepath.Join(dir, "orders.profile.json"), filepath.Join(dir, "planted.json")
	p.invoke(0, "synth", "learn", "orders", "--kafka", "kafka", "--out", profile, "-q")
	args := []string{"synth", "generate", "orders-like", "--like", profile, "--kafka", "kafka", "--records", "2k", "--seed", "7", "-o", "json",
		"--archive", "s3://demo/like", "--s3", "s3", "--lose", "p07:02:00-05:00", "--corrupt", "3", "--out"}
	stdout, _ := p.invoke(0, append(slices.Clone(args), planted)...)
	var out generated
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		t.Fatal(err)
	}
	if out.Records != 2000 || out.Lost < 10 || out.Corrupted != 3 || out.Written != 2000-out.Lost {
		t.Errorf("generated: got %+v", out)
	}
	var list synth.Planted
	data, err := os.ReadFile(planted)
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil || list.Lost != out.Lost || list.Seed != 7 {
		t.Errorf("planted: got %+v, %v", list, err)
	}
	other := filepath.Join(dir, "other.json")
	for _, row := range []struct {
		args []string
		want int
		says string
	}{
		{append(slices.Clone(args), other), client.ExitUsage, "BST-E4111"},
		{[]string{"synth", "generate", "orders", "--like", "orders", "--like-kafka", "kafka", "--kafka", "kafka", "--out", other}, client.ExitUsage, "BST-E4111"},
		{[]string{"synth", "generate", "x", "--like", planted, "--kafka", "kafka", "--out", other}, client.ExitUsage, "BST-E4110"},
		{[]string{"synth", "learn", "orders", "--kafka", "kafka", "--range", "@2020-01-01T00:00:00Z:1h"}, client.ExitNotFound, "BST-E4112"},
		{[]string{"synth", "generate", "x", "--like", profile, "--kafka", "kafka", "--out", other, "--lose", "p7"}, client.ExitUsage, "like p07:02:00-05:00"},
		{[]string{"synth", "generate", "x", "--like", profile, "--kafka", "kafka", "--out", other, "--lose", "p07:02:00-02:01", "--records", "24"}, client.ExitUsage, "no record then"},
		{[]string{"synth", "generate", "x", "--like", profile, "--kafka", "kafka", "--out", other, "--dup", "2"}, client.ExitUsage, "percentage"},
		{[]string{"synth", "generate", "x", "--like", profile, "--kafka", "kafka", "--out", other, "--records", "0"}, client.ExitUsage, "1 to"},
		{[]string{"rehearse", "-f", profile, "--like", profile, "--chaos", "storm"}, client.ExitUsage, "kill-leader"},
		{[]string{"rehearse", "-f", profile, "--like", profile, "--chaos", "kill-owner", "--nodes", "1"}, client.ExitUsage, "fewer than 3"},
		{[]string{"rehearse", "-f", profile, "--like", profile, "--nodes", "2"}, client.ExitUsage, "1, 3 or 5"},
	} {
		if _, stderr := p.invoke(row.want, row.args...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want it to say %q", row.args, stderr, row.says)
		}
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a refused command left its list behind")
	}
}
