package main

import (
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/replay/record"
)

func TestGapsDeadLetters(t *testing.T) {
	b := newBroker(t, "dlq", "orders")
	headers := []record.Header{
		{Key: "__connect.errors.topic", Value: []byte("orders")}, {Key: "__connect.errors.partition", Value: []byte("0")},
		{Key: "__connect.errors.offset", Value: []byte("3")}, {Key: "__connect.errors.exception.class.name", Value: []byte("java.lang.NullPointerException")},
	}
	if stdout, _ := b.run(client.ExitOK, "gaps", "dead-letters", "dlq", "--detailed-exitcode", "-q"); !strings.Contains(stdout, "There is no dead letter.") {
		t.Errorf("an empty topic:\n%s", stdout)
	}
	b.Produce("dlq", 0, record.Record{Value: []byte("no headers")})
	b.run(client.ExitIndeterminate, "gaps", "dead-letters", "dlq", "--detailed-exitcode", "-q")
	b.Produce("dlq", 1, record.Record{Value: []byte("x"), Headers: headers})
	stdout, _ := b.run(client.ExitWork, "gaps", "dead-letters", "dlq", "--detailed-exitcode", "-q")
	for _, want := range []string{"orders/p00", "offsets [3,4)", "java.lang.NullPointerException", "still in   topic dlq", "not decided", "1 record was dropped", "Not checked: whether somebody has written"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	if stdout, _ = b.run(client.ExitOK, "gaps", "dead-letters", "dlq", "-o", "jsonl", "-q"); strings.Count(stdout, "\n") != 2 || !strings.Contains(stdout, `"topic":"orders"`) {
		t.Errorf("jsonl:\n%s", stdout)
	}
	everyIDIsExplained(t, b.run, "dead-letters", []string{"dlq"}, "java.lang.NullPointerException", "yes: topic dlq has them", "not decided")
	if _, stderr := b.run(client.ExitNotFound, "gaps", "dead-letters", "none"); !strings.Contains(stderr, "BST-E4012") {
		t.Errorf("no such topic: %s", stderr)
	}
}
