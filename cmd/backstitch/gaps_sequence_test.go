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

func TestGapsSequenceOfDebezium(t *testing.T) {
	b := newBroker(t, "shop.orders", "shop.transaction")
	at := time.Now().Add(-time.Hour).UnixMilli()
	event := func(tx string, n int) record.Record {
		return record.Record{TimestampMs: at, Value: fmt.Appendf(nil, `{"op":"c","source":{"connector":"mysql","name":"shop","db":"shop","table":"orders"},"transaction":{"id":%q,"total_order":%d,"data_collection_order":%d}}`, tx, n, n)}
	}
	b.Produce("shop.orders", 0, event("a", 1), event("a", 3), event("b", 1))
	end := func(tx string, n int) record.Record {
		return record.Record{TimestampMs: at + 1, Value: fmt.Appendf(nil, `{"status":"END","id":%q,"event_count":%d,"data_collections":[{"data_collection":"shop.orders","event_count":%d}]}`, tx, n, n)}
	}
	b.Produce("shop.transaction", 0, end("a", 3), end("b", 2), end("c", 1))
	args := []string{"gaps", "sequence", "shop.orders", "--debezium"}
	stdout, _ := b.run(client.ExitWork, append(args, "--transactions", "shop.transaction", "--detailed-exitcode", "-q")...)
	for _, want := range []string{"3 transactions by transaction.id and table", "missing      a of shop.orders", "numbers [2,3)", "missing      c of shop.orders", "3 records missing, 0 twice; 0 of 3 transactions whole"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	if stdout, _ := b.run(client.ExitOK, append(args, "-q")...); !strings.Contains(stdout, "1 record missing") || !strings.Contains(stdout, "(--transactions)") {
		t.Errorf("without the topic of boundaries:\n%s", stdout)
	}
	everyIDIsExplained(t, b.run, "sequence", args[2:], "a transform of the connector that drops events leaves such a hole")
	for _, row := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"--debezium", "--source", "key"}, client.ExitUsage, "leave --source and --sequence out"},
		{[]string{"--transactions", "x", "--source", "key", "--sequence", "/n"}, client.ExitUsage, "--transactions goes with --debezium"},
		{[]string{"--debezium", "--transactions", "shop.orders"}, client.ExitUsage, "BST-E1221"},
	} {
		if _, stderr := b.run(row.want, append([]string{"gaps", "sequence", "shop.orders"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
}
