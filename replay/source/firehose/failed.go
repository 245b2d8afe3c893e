package firehose

import (
	"encoding/base64"
	"encoding/json"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
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
	r.Value = raw
	return nil
}
