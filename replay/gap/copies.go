package gap

import (
	"strconv"
	"strings"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// A topic that was repaired and then archived again is in its archive twice where it was repaired: the original at its first
// offset, and the refilled record at the end of the log. The target has the record once. Whoever counts both calls one of
// them missing, and would write it a second time.

// copied reports whether r is a refilled record whose original the reference holds too: its header names an earlier position
// of this partition that the archive begins before. A topic as reference has no memory of what it lost, so there nothing is
// a copy.
func (s *scan) copied(r *record.Record) bool {
	return Copied(s.extent.Objects, s.in.ReferenceTopic, s.part, r)
}

// Copied is copied for a record of a partition of an archive's topic, which has these objects.
func Copied(objects []partition.Object, topic string, part int32, r *record.Record) bool {
	if len(objects) == 0 {
		return false
	}
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key != sink.OriginHeader {
			continue
		}
		rest, ok := strings.CutPrefix(string(r.Headers[i].Value), topic+"/"+strconv.Itoa(int(part))+"/")
		if !ok {
			return false
		}
		origin, err := strconv.ParseInt(rest, 10, 64)
		return err == nil && origin >= objects[0].Base && origin < r.Offset
	}
	return false
}
