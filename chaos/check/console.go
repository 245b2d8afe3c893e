package check

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"backstitch/chaos/traffic"
)

// Seen is what an independent client found in a topic.
type Seen struct {
	Events   traffic.Truth
	Records  int64
	Refilled int64 // records that carry our origin header
	Disorder int64 // refilled records whose origin is not above that of the refilled record before it
}

// Console reads a topic to its end with Kafka's own console consumer, as a reader of committed data. script is kafka.sh.
func Console(t testing.TB, script, broker, name string) Seen {
	t.Helper()
	_, port, _ := strings.Cut(broker, ":")
	cmd := exec.CommandContext(t.Context(), script, "console", port,
		"--topic", name, "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "15000",
		"--property", "print.partition=true", "--property", "print.timestamp=true", "--property", "print.headers=true",
		"--property", "print.key=true", "--property", "null.literal=\\N")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := Seen{Events: traffic.Truth{}}
	last := map[int32]int64{}
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		e, origin, err := parseLine(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		found.Records++
		found.Events[e.ID()]++
		if origin >= 0 {
			found.Refilled++
			if before, ok := last[e.Partition]; ok && origin <= before {
				found.Disorder++
			}
			last[e.Partition] = origin
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil && !strings.Contains(complaints.String(), "TimeoutException") {
		t.Fatalf("console consumer: %v\n%s", err, complaints.String())
	}
	return found
}

// parseLine reads one line of the console consumer: timestamp, partition, headers, key and value, split by tabs. Origin is
// the offset in our header, -1 without one.
func parseLine(line string) (e traffic.Event, origin int64, err error) {
	f := strings.SplitN(line, "\t", 5)
	if len(f) != 5 {
		return e, 0, fmt.Errorf("line %q has %d fields, want 5", line, len(f))
	}
	if e.TimestampMs, err = number(f[0], "CreateTime:"); err != nil {
		return e, 0, err
	}
	partition, err := number(f[1], "Partition:")
	if err != nil {
		return e, 0, err
	}
	e.Partition = int32(partition)
	origin = -1
	for header := range strings.SplitSeq(f[2], ",") {
		if at, ok := strings.CutPrefix(header, "backstitch.origin:"); ok {
			if origin, err = strconv.ParseInt(at[strings.LastIndexByte(at, '/')+1:], 10, 64); err != nil {
				return e, 0, fmt.Errorf("origin %q: %w", at, err)
			}
		}
	}
	if f[3] != `\N` {
		e.Key = []byte(f[3])
	}
	if f[4] != `\N` {
		e.Value = []byte(f[4])
	}
	return e, origin, nil
}

func number(field, prefix string) (int64, error) {
	text, ok := strings.CutPrefix(field, prefix)
	if !ok {
		return 0, fmt.Errorf("field %q does not start with %s", field, prefix)
	}
	return strconv.ParseInt(text, 10, 64)
}
