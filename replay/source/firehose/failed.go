package firehose

import (
	"bytes"
	"errors"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// undelivered reads lines about records that could not be delivered. It is used by one decoder.
type undelivered struct{ line *foreign.Members }

func (u *undelivered) parse(line []byte, r *record.Record) error {
	parts, err := u.line.Read(line)
	if err != nil {
		return foreign.Bad("%.20q... of %d bytes says nothing of a failed delivery: %w", line, len(line), err)
	}
	raw, err := foreign.Binary(parts[0])
	switch {
	case err != nil:
		return foreign.Bad("rawData: %w", err)
	case raw == nil:
		return foreign.Bad("%.20q... has no rawData", line)
	}
	if bytes.HasPrefix(raw, aggregateMagic) {
		return &foreign.Damage{Code: source.CodeAggregate, Record: true, Err: errors.New("rawData is an aggregate of the Kinesis Producer Library, and a line is one record")}
	}
	r.Value = raw
	return nil
}
