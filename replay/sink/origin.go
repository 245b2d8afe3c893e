package sink

import (
	"strconv"
	"strings"

	"backstitch/replay/record"
)

// Origin is where a job took a record from.
type Origin struct {
	Topic     string // what the job's reference is called
	Partition int32
	Offset    int64
}

// OriginOf returns the place that a record names as its origin. A record without a job is nobody's copy: it takes both headers.
func OriginOf(r *record.Record) (Origin, bool) {
	place, marked := LastHeader(r, OriginHeader)
	_, job := LastHeader(r, JobHeader)
	if !marked || !job {
		return Origin{}, false
	}
	// The name of a topic has no slash.
	topic, rest, ok := strings.Cut(place, "/")
	part, offset, both := strings.Cut(rest, "/")
	if !ok || !both {
		return Origin{}, false
	}
	p, err := strconv.ParseInt(part, 10, 32)
	if err != nil || p < 0 {
		return Origin{}, false
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil || o < 0 {
		return Origin{}, false
	}
	return Origin{Topic: topic, Partition: int32(p), Offset: o}, true
}

// LastHeader returns the last value of a header: one that a record has more than once counts by that.
func LastHeader(r *record.Record, key string) (string, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return string(r.Headers[i].Value), true
		}
	}
	return "", false
}
