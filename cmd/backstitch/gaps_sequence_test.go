package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/record"
)

func TestGapsSequence(t *testing.T) {
	b := newBroker(t, "clicks")
	var records []record.Record
	for n := range 20 {
		for s := range 3 {
			if s == 1 && n > 4 && n < 8 {
				continue
			}
			records = append(records, record.Record{
				Key: fmt.Append(nil, "host-", s), Headers: []record.Header{{Key: "seq", Value: fmt.Append(nil, n)}},
				TimestampMs: time.Now().Add(time.Duration(n-3600) * time.Second).UnixMilli(),
			})
		}
	}
	b.Produce("clicks", 0, records...)
	args := []string{"gaps", "sequence", "clicks", "--source", "key", "--sequence", "header:seq"}
	stdout, _ := b.run(client.ExitWork, append(args, "--detailed-exitcode", "-q")...)
	for _, want := range []string{"3 sources by key, numbers at header:seq", "57 records read", "missing      host-1", "numbers [5,8)", "3 records missing, 0 twice, 0 sources silent; 2 of 3 sources whole", "Nothing was written."} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	var rep sequence.Report
	stdout, _ = b.run(client.ExitOK, append(args, "-o", "json", "-q", "--range", "@-24h:end")...)
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || rep.Missing != 3 || rep.Sources != 3 {
		t.Errorf("json: got %+v, %v", rep, err)
	}
	everyIDIsExplained(t, b.run, "sequence", args[2:], "numbers [5,8)", "no: numbers next to records younger than the grace were left out", "not from here")
	if stdout, _ := b.run(client.ExitIndeterminate, "gaps", "sequence", "clicks", "--source", "/a", "--sequence", "/b", "--detailed-exitcode", "-q"); !strings.Contains(stdout, "Nothing was compared") {
		t.Errorf("paths that find nothing:\n%s", stdout)
	}
	rows := []struct {
		args []string
		want int
		says string
	}{
		{[]string{"clicks", "--sequence", "/n"}, client.ExitUsage, "--source is missing"},
		{[]string{"clicks", "--source", "/n"}, client.ExitUsage, "--sequence is missing"},
		{[]string{"clicks", "--source", "value", "--sequence", "/n"}, client.ExitUsage, "want key, header:NAME"},
		{[]string{"no-such-topic", "--source", "key", "--sequence", "/n"}, client.ExitNotFound, "BST-E4012"},
	}
	for _, row := range rows {
		if _, stderr := b.run(row.want, append([]string{"gaps", "sequence"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
}
