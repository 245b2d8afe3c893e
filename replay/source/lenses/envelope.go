package lenses

import (
	"encoding/json"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// envelope reads lines that hold a whole record.
type envelope struct {
	topic string
	part  int32
}

type line struct {
	Key          json.RawMessage `json:"key"`
	Value        json.RawMessage `json:"value"`
	Headers      json.RawMessage `json:"headers"`
	KeyIsArray   bool            `json:"keyIsArray"`
	ValueIsArray bool            `json:"valueIsArray"`
	Metadata     *struct {
		Timestamp json.RawMessage `json:"timestamp"`
		Topic     string          `json:"topic"`
		Partition int32           `json:"partition"`
		Offset    *int64          `json:"offset"`
	} `json:"metadata"`
}

func (e *envelope) parse(piece []byte, r *record.Record) error {
	var x line
	if err := json.Unmarshal(piece, &x); err != nil {
		return foreign.Bad("%.20q... of %d bytes is no envelope: %w", piece, len(piece), err)
	}
	m := x.Metadata
	switch {
	case m == nil || m.Offset == nil:
		return foreign.Bad("%.20q... has no metadata with an offset", piece)
	case m.Topic != "" && m.Topic != e.topic || m.Partition != e.part:
		return foreign.Foreign("it holds a record of %s, partition %d", m.Topic, m.Partition)
	}
	var err error
	if r.Key, err = opaque(x.Key, x.KeyIsArray); err != nil {
		return foreign.Bad("key: %w", err)
	}
	if r.Value, err = opaque(x.Value, x.ValueIsArray); err != nil {
		return foreign.Bad("value: %w", err)
	}
	if r.Headers, err = foreign.Headers(x.Headers); err != nil {
		return foreign.Bad("%w", err)
	}
	if r.TimestampMs, err = foreign.Millis(m.Timestamp); err != nil {
		return foreign.Bad("%w", err)
	}
	r.Offset = *m.Offset
	return nil
}

func opaque(raw json.RawMessage, array bool) ([]byte, error) {
	if array {
		return foreign.Binary(raw)
	}
	return foreign.Opaque(raw)
}
