package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/sentinel/anomaly"
)

// hourly are records of whole hours up to now, the oldest first. count says how many an hour has, counted back from the newest that is over, and
// edit may change one.
func hourly(hours int, count func(back int) int, edit func(back, n int, r *record.Record)) []record.Record {
	var out []record.Record
	end := time.Now().Add(-anomaly.DefaultGrace).Truncate(time.Hour)
	for back := hours - 1; back >= 0; back-- {
		from := end.Add(-time.Duration(back+1) * time.Hour)
		for n := range count(back) {
			r := record.Record{Value: []byte(`{"id":1}`), TimestampMs: from.Add(time.Duration(n) * time.Minute).UnixMilli(),
				Headers: []record.Header{{Key: "host", Value: fmt.Appendf(nil, "web-%d", n%10)}}}
			if edit != nil {
				edit(back, n, &r)
			}
			out = append(out, r)
		}
	}
	return out
}

func always(n int) func(int) int { return func(int) int { return n } }

const learnt = 17 * 24

func TestAnomalies(t *testing.T) {
	b := newBroker(t, "orders", "clicks", "usual", "young")
	// Of orders one of two partitions has stopped, of clicks a host and a field.
	b.Produce("orders", 0, hourly(learnt, always(30), nil)...)
	b.Produce("orders", 1, hourly(learnt, func(back int) int {
		if back < 12 {
			return 0
		}
		return 20
	}, nil)...)
	b.Produce("clicks", 0, hourly(learnt, always(40), func(back, n int, r *record.Record) {
		if back < 20 && n%10 == 3 {
			r.Headers[0].Value = []byte("web-4")
		}
		if back < 8 {
			r.Value = []byte(`{"id":null}`)
		}
	})...)
	b.Produce("usual", 0, hourly(learnt, always(30), nil)...)
	b.Produce("young", 0, hourly(5*24, always(5), nil)...)

	stdout, _ := b.run(client.ExitWork, "anomalies", "orders", "--detailed-exitcode", "-q")
	for _, want := range []string{"anomaly  records", "fewer than usual for 12 hours", "expected ", "saw 30", "of the partitions: orders/p01", "Likely: producers send less", "What is unusual need not be lost", "Nothing was written.", "Next: backstitch gaps list orders"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	var rep anomaly.Report
	stdout, _ = b.run(client.ExitOK, "anomalies", "orders", "-o", "json", "-q")
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || len(rep.Findings) != 1 || rep.Findings[0].Kind != gap.Anomaly || rep.Findings[0].Runbook == "" || rep.Findings[0].Count < 200 || rep.Findings[0].Count > 260 {
		t.Errorf("json: got %+v, %v", rep.Findings, err)
	}
	stdout, _ = b.run(client.ExitWork, "anomalies", "clicks", "--source", "header:host", "--null", "/id", "--detailed-exitcode", "-q")
	for _, want := range []string{"anomaly  nulls of /id", "records without /id", "anomaly  source web-3", "of it come 9.9", "2 findings"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	if stdout, _ = b.run(client.ExitOK, "anomalies", "usual", "--source", "header:host", "--detailed-exitcode", "--all", "-q"); !strings.Contains(stdout, "Nothing is unusual: 4 measures judged, 10 sources.") || !strings.Contains(stdout, "usual    usual/p00") {
		t.Errorf("nothing lost:\n%s", stdout)
	}
	b.run(client.ExitIndeterminate, "anomalies", "young", "-q") // nothing judged is no pass
	if stdout, _ = b.run(client.ExitIndeterminate, "anomalies", "young", "--detailed-exitcode", "-q"); !strings.Contains(stdout, "Nothing was judged: too few hours were seen, or --except leaves none.") || !strings.Contains(stdout, "336 are needed") {
		t.Errorf("too young:\n%s", stdout)
	}
	// On a day that is excepted nothing is unusual, and nothing is judged.
	var except []string
	for back := range 3 {
		except = append(except, "--except", time.Now().Add(-time.Duration(back)*24*time.Hour).UTC().Format(time.DateOnly))
	}
	if stdout, _ := b.run(client.ExitIndeterminate, append([]string{"anomalies", "orders", "-q"}, except...)...); strings.Contains(stdout, "anomaly  ") {
		t.Errorf("excepted:\n%s", stdout)
	}
}

// TestAnomaliesGoOn is a topic that keeps less than two weeks: what was learned before is in a file.
func TestAnomaliesGoOn(t *testing.T) {
	b := newBroker(t, "orders", "other")
	b.Produce("orders", 0, hourly(learnt, func(back int) int {
		if back < 5 {
			return 2
		}
		return 20
	}, nil)...)
	file := filepath.Join(t.TempDir(), "orders.baseline")
	args := []string{"anomalies", "orders", "--state", file, "--source", "header:host", "-q"}
	first, _ := b.run(client.ExitWork, append(args, "--detailed-exitcode")...)
	if !strings.Contains(first, "fewer than usual for 5 hours") || !strings.Contains(first, "What was learned is in "+file) {
		t.Fatalf("first look:\n%s", first)
	}
	if text, err := os.ReadFile(file); err != nil || len(text) > 20<<10 {
		t.Errorf("a state of %d bytes, %v", len(text), err)
	}
	// The second look reads no more than the hours that it judges, and says the same of them.
	var one, two anomaly.Report
	for _, rep := range []*anomaly.Report{&one, &two} {
		stdout, _ := b.run(client.ExitOK, append(args, "-o", "json")...)
		if err := json.Unmarshal([]byte(stdout), rep); err != nil {
			t.Fatal(err)
		}
	}
	if hours := (two.ToMs - two.FromMs) / time.Hour.Milliseconds(); hours != 24 && hours != 25 {
		t.Errorf("the second look reads %d hours, want those that it judges", hours)
	}
	if len(one.Findings) == 0 || len(two.Findings) != len(one.Findings) || !strings.Contains(first, one.Findings[0].Reason) || two.Findings[0].Reason != one.Findings[0].Reason || two.Judged != 4 {
		t.Errorf("got %+v, then %+v", one.Findings, two.Findings)
	}
	for _, row := range []struct {
		args []string
		says string
	}{
		{[]string{"anomalies", "other", "--state", file}, "it is of topic orders"},
		{[]string{"anomalies", "orders", "--state", file}, `its senders are at "header:host"`},
		{[]string{"anomalies", "orders", "--state", file, "--source", "header:host", "--late", "1h"}, "late by 300000 ms"},
	} {
		if _, stderr := b.run(client.ExitUsage, row.args...); !strings.Contains(stderr, row.says) || !strings.Contains(stderr, "BST-E4054") {
			t.Errorf("%v: got %s", row.args, stderr)
		}
	}
	if err := os.WriteFile(file, []byte("half a st"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := b.run(client.ExitUsage, args...); !strings.Contains(stderr, "BST-E4054") || !strings.Contains(stderr, "remove it to learn anew") {
		t.Errorf("a broken file: got %s", stderr)
	}
}

func TestAnomaliesRefuses(t *testing.T) {
	b := newBroker(t, "orders", "accounts")
	b.set("accounts", "cleanup.policy", "compact")
	for _, row := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"accounts"}, client.ExitUsage, "BST-E4055"},
		{[]string{"no-such-topic"}, client.ExitNotFound, "BST-E4012"},
		{[]string{"orders", "--days", "0"}, client.ExitUsage, "--days must be 1 to 98"},
		{[]string{"orders", "--days", "99"}, client.ExitUsage, "--days must be 1 to 98"},
		{[]string{"orders", "--judge", "90m"}, client.ExitUsage, "--judge must be whole hours"},
		{[]string{"orders", "--late", "0s"}, client.ExitUsage, "--late must be positive"},
		{[]string{"orders", "--source", "host"}, client.ExitUsage, "--source"},
		{[]string{"orders", "--null", "host"}, client.ExitUsage, "--null"},
		{[]string{"orders", "--except", "christmas"}, client.ExitUsage, "want a day like 2026-12-25"},
		{[]string{"orders", "--state", t.TempDir()}, client.ExitNotFound, "BST-E4011"},
	} {
		if _, stderr := b.run(row.want, append([]string{"anomalies"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
	if _, stderr, status := invoke(t, nil, "anomalies", "orders"); status != client.ExitUsage || !strings.Contains(stderr, "--kafka is missing") {
		t.Errorf("without --kafka: got %d, %s", status, stderr)
	}
}
