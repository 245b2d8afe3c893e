package gap

import (
	"context"
	"fmt"

	"backstitch/replay/gap/match"
	"backstitch/replay/record"
)

// Values that are made of what an archive holds, as those of Avro objects, may not be the bytes that the topic has for the same record. A
// sink that was told to (schema.compatibility) rewrites datums under another schema; JSON has many forms. Then a record of the topic
// looks surplus and the same one of the archive looks lost. So where both are there, and they could be the same, nothing is said.

// numbersSeen are numbers in front of values. Two are enough to know that there is more than one.
type numbersSeen struct {
	any    bool
	number uint32
	mixed  bool
	bare   bool // there is a value without one
}

func (n *numbersSeen) add(value []byte) {
	id, ok := record.FrameID(value)
	switch {
	case !ok:
		n.bare = true
	case n.any && n.number != id:
		n.mixed = true
	default:
		n.any, n.number = true, id
	}
}

// same says why lost and surplus records may be the same ones, "" where they are not.
func (s *scan) same(ctx context.Context, out *match.Outcome, x *surplus) (string, error) {
	if s.in.Rendered == "" || out.Missing.Len() == 0 || x.unknown == 0 {
		return "", nil
	}
	there := x.numbers
	switch s.in.Rendered {
	case "json":
		return "values of the reference are JSON that was made of Avro or Parquet, and the same record may be there in other words", nil
	case "plain":
		if there.any {
			return "values of the reference are strings or bytes of Avro or Parquet, and some of the target look as if the number of a schema stood in front of the same", nil
		}
		return "", nil
	}
	var lost numbersSeen
	err := s.again(ctx, func(r *record.Record, _ record.Digest) (bool, error) {
		if out.Missing.Contains(r.Offset) && r.Value != nil {
			lost.add(r.Value)
		}
		return true, nil
	})
	if err != nil {
		return "", err
	}
	if !lost.mixed && !there.mixed && !there.bare && (!there.any || !lost.any || lost.number == there.number) {
		return "", nil
	}
	return "they name other schemas, and a sink that is not told schema.compatibility=NONE writes records under another one than they had", nil
}

// doubt takes back what is called missing.
func (s *scan) doubt(why string, x *surplus) {
	res := s.res
	n := res.MissingRecords
	res.setLost(nil, 0)
	res.MissingRecords, res.MissingBytes = 0, 0
	s.notComparable(fmt.Sprintf("%s of the reference not in the target, which has %s that the reference has not: %s", plural(n, "record"),
		plural(x.unknown, "record"), why))
}
