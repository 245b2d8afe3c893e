package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// numbered are records that say which they are.
func numbered(ns ...int) []record.Record {
	out := make([]record.Record, len(ns))
	for i, n := range ns {
		out[i] = record.Record{Key: fmt.Append(nil, n%3), Value: fmt.Append(nil, n), TimestampMs: 1_700_000_000_000 + int64(n)}
	}
	return out
}

// upTo are the numbers from a on and below b.
func upTo(a, b int) []int {
	var out []int
	for ; a < b; a++ {
		out = append(out, a)
	}
	return out
}

// copied is r as job wrote it.
func copied(r record.Record, topic string, part, offset int) record.Record {
	r.Headers = []record.Header{
		{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "%s/%d/%d", topic, part, offset)}, {Key: sink.JobHeader, Value: []byte("bs-1")},
	}
	return r
}

func TestOffsetsMap(t *testing.T) {
	b := newBroker(t, "orders", "copy", "fixed", "other")
	b.Produce("orders", 0, numbered(upTo(0, 20)...)...)
	b.Produce("orders", 1, numbered(7)...)
	b.Produce("copy", 0, numbered(upTo(3, 9)...)...)
	b.Produce("copy", 0, numbered(upTo(12, 20)...)...)
	b.Produce("copy", 0, copied(numbered(10)[0], "orders", 0, 10), numbered(99)[0]) // late, and of somebody else
	b.Produce("fixed", 0, copied(numbered(110)[0], "orders", 0, 10))

	stdout, _ := b.run(client.ExitOK, "offsets", "map", "--from", "orders", "--to", "copy")
	for _, want := range []string{
		"Offsets of orders in copy, by content", "p00  15 paired in 3 runs, order differs, going back 1 time; read [0,20) of orders and [0,16) of copy",
		"[3,9) -> [0,6)   6 records   -3", "[10,11) -> [14,15)   1 record   +4", "5 records only in orders", "1 record only in copy",
		"p02  0 paired in 0 runs", "15 records paired; 6 only in orders, 1 only in copy.", "Nothing was written.",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	stdout, _ = b.run(client.ExitOK, "offsets", "map", "--from", "orders", "--to", "copy", "--partitions", "0", "-o", "json")
	var m struct{ Partitions []mappedPartition }
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatal(err)
	}
	if p := m.Partitions; len(p) != 1 || p[0].Pairs != 15 || len(p[0].Runs) != 3 || p[0].BackTimes != 1 || fmt.Sprint(p[0].OnlySource) != "[[0,3) [9,10) [11,12)]" {
		t.Errorf("as json: got %+v", p)
	}

	// An archive knows the same offsets.
	dir := t.TempDir()
	b.run(client.ExitOK, "archive", "orders", dir)
	stdout, _ = b.run(client.ExitOK, "offsets", "map", "--from", "orders", "--archive", dir, "--to", "copy", "--partitions", "0")
	if !strings.Contains(stdout, "Offsets of the archive in copy") || !strings.Contains(stdout, "[3,9) -> [0,6)") {
		t.Errorf("of an archive:\n%s", stdout)
	}

	// A changed record pairs by its header alone.
	stdout, stderr := b.run(client.ExitIndeterminate, "offsets", "map", "--from", "orders", "--to", "fixed", "--partitions", "0")
	if !strings.Contains(stdout, "--by headers takes them at their word") || !strings.Contains(stderr, "BST-E4061") {
		t.Errorf("a changed record by content:\n%s%s", stdout, stderr)
	}
	stdout, _ = b.run(client.ExitOK, "offsets", "map", "--from", "orders", "--to", "fixed", "--partitions", "0", "--by", "headers")
	if !strings.Contains(stdout, "[10,11) -> [0,1)") || !strings.Contains(stdout, "1 paired by the headers of a job") {
		t.Errorf("a changed record by headers:\n%s", stdout)
	}
}

func TestOffsetsFind(t *testing.T) {
	b := newBroker(t, "orders", "copy")
	b.Produce("orders", 0, numbered(upTo(0, 20)...)...)
	b.Produce("copy", 0, numbered(upTo(3, 9)...)...)
	b.Produce("copy", 0, numbered(99)...)
	b.Produce("copy", 0, numbered(upTo(10, 20)...)...)
	b.Produce("copy", 0, numbered(9)...)

	stdout, _ := b.run(client.ExitOK, "offsets", "find", "p00@9", "p00@1", "--from", "orders", "--to", "copy")
	for _, want := range []string{
		"OFFSET  EXACT  REPLAY  AGAIN   RESUME  AGAIN   PASSED  LACKING",
		"p00@9   17     6       0 to 1  6       0 to 1  0       0",
		"p00@1   -      0       0 to 1  0       0 to 1  0       2",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	stdout, _ = b.run(client.ExitOK, "offsets", "find", "p00@6", "p00@17", "--reverse", "--from", "orders", "--to", "copy")
	if !strings.Contains(stdout, "p00@6   -") || !strings.Contains(stdout, "p00@17  9") {
		t.Errorf("the other way round:\n%s", stdout)
	}
}

func TestOffsetsRefuse(t *testing.T) {
	b := newBroker(t, "orders", "copy")
	b.Produce("orders", 0, numbered(1)...)
	for _, row := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"map", "--from", "orders"}, client.ExitUsage, "--to is missing"},
		{[]string{"map", "--from", "orders", "--to", "orders"}, client.ExitUsage, "are one topic"},
		{[]string{"map", "--from", "orders", "--to", "nothing"}, client.ExitNotFound, "unknown topic"},
		{[]string{"map", "--from", "nothing", "--to", "copy"}, client.ExitNotFound, "unknown topic"},
		{[]string{"map", "--from", "orders", "--to", "copy"}, client.ExitIndeterminate, "BST-E4061"},
		{[]string{"map", "--from", "orders", "--to", "copy", "--by", "time"}, client.ExitUsage, "want content or headers"},
		{[]string{"map", "--from", "orders", "--to", "copy", "--ignore", "values"}, client.ExitUsage, "want keys, headers or timestamps"},
		{[]string{"map", "--from", "orders", "--to", "copy", "--partitions", "7"}, client.ExitNotFound, "has no partition 7"},
		{[]string{"map", "--from", "orders", "--to", "copy", "--archive", t.TempDir()}, client.ExitNotFound, "Error BST-"},
		{[]string{"find", "7", "--from", "orders", "--to", "copy"}, client.ExitUsage, "p07@4711"},
		{[]string{"find", "p00@0", "--from", "orders", "--to", "copy"}, client.ExitIndeterminate, "BST-E4061"},
	} {
		if _, stderr := b.run(row.want, append([]string{"offsets"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
}
