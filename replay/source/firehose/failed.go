package firehose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// undelivered reads a line about a record that could not be delivered.
func undelivered(line []byte, r *record.Record) error {
	var x struct {
		RawData *string `json:"rawData"`
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return foreign.Bad("%.20q... of %d bytes says nothing of a failed delivery: %w", line, len(line), err)
	}
	if x.RawData == nil {
		return foreign.Bad("%.20q... has no rawData", line)
	}
	raw, err := base64.StdEncoding.DecodeString(*x.RawData)
	if err != nil {
		return foreign.Bad("rawData: %w", err)
	}
	if bytes.HasPrefix(raw, aggregateMagic) {
		return &foreign.Damage{Code: source.CodeAggregate, Record: true, Err: errors.New("rawData is an aggregate of the Kinesis Producer Library, and a line is one record")}
	}
	r.Value = raw
	return nil
}
