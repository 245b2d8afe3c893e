package aiven

import (
	"encoding/json"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// members reads JSON objects that have the fields of a record as members.
type members struct{ own, timed bool }

func (m *members) parse(piece []byte, r *record.Record) error {
	var x struct {
		Key       json.RawMessage `json:"key"`
		Value     json.RawMessage `json:"value"`
		Headers   json.RawMessage `json:"headers"`
		Timestamp json.RawMessage `json:"timestamp"`
		Offset    *int64          `json:"offset"`
	}
	if err := json.Unmarshal(piece, &x); err != nil {
		return foreign.Bad("%.20q... of %d bytes is no record: %w", piece, len(piece), err)
	}
	var err error
	if r.Key, err = foreign.Opaque(x.Key); err != nil {
		return foreign.Bad("key: %w", err)
	}
	if r.Value, err = foreign.Opaque(x.Value); err != nil {
		return foreign.Bad("value: %w", err)
	}
	if r.Headers, err = foreign.Headers(x.Headers); err != nil {
		return foreign.Bad("%w", err)
	}
	if m.timed {
		if r.TimestampMs, err = foreign.Millis(x.Timestamp); err != nil {
			return foreign.Bad("%w", err)
		}
	}
	if m.own {
		if x.Offset == nil {
			return foreign.Bad("%.20q... has no offset", piece)
		}
		r.Offset = *x.Offset
	}
	return nil
}
