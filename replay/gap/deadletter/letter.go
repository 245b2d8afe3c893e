package deadletter

import (
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/record"
)

// The headers of Kafka Connect.
const (
	prefix          = "__connect.errors."
	headerTopic     = prefix + "topic"
	headerPartition = prefix + "partition"
	headerOffset    = prefix + "offset"
	headerConnector = prefix + "connector.name"
	headerStage     = prefix + "stage"
	headerClass     = prefix + "exception.class.name"
	headerMessage   = prefix + "exception.message"
)

// letter is what the headers of one dead letter say.
type letter struct {
	origin  origin
	offset  int64
	message string
}

// origin is what makes dead letters one finding.
type origin struct {
	topic     string
	part      int32
	connector string
	stage     string // KEY_CONVERTER, TRANSFORMATION, TASK_PUT, ...
	class     string // of the exception
}

// parse reads the headers. A record that passed several dead-letter topics has them several times; the last ones count.
func parse(r *record.Record) (letter, error) {
	var l letter
	get := func(name string) (string, bool) {
		for i := len(r.Headers) - 1; i >= 0; i-- {
			if r.Headers[i].Key == name && r.Headers[i].Value != nil {
				return string(r.Headers[i].Value), true
			}
		}
		return "", false
	}
	var ok bool
	if l.origin.topic, ok = get(headerTopic); !ok || l.origin.topic == "" {
		return l, fmt.Errorf("no header %s", headerTopic)
	}
	part, err := whole(get(headerPartition))
	if err != nil || part > 1<<31-1 {
		return l, fmt.Errorf("header %s is not a partition", headerPartition)
	}
	l.origin.part = int32(part)
	if l.offset, err = whole(get(headerOffset)); err != nil {
		return l, fmt.Errorf("header %s is not an offset", headerOffset)
	}
	l.origin.connector, _ = get(headerConnector)
	l.origin.stage, _ = get(headerStage)
	l.origin.class, _ = get(headerClass)
	l.message, _ = get(headerMessage)
	return l, nil
}

func whole(s string, ok bool) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if !ok || err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

// maxMessage is how much of an exception's message is kept.
const maxMessage = 200

// firstLine keeps what a person needs of a message.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "..."
	}
	return s
}
