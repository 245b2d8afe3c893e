package lenses

import (
	"strconv"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// envelope reads lines that hold a whole record. It is used by one decoder.
type envelope struct {
	topic          string
	part           int32
	line, metadata *foreign.Members
}

func newEnvelope(topic string, part int32) *envelope {
	return &envelope{topic, part, foreign.NewMembers("key", "value", "headers", "keyIsArray", "valueIsArray", "metadata"),
		foreign.NewMembers("topic", "partition", "offset", "timestamp")}
}

func (e *envelope) parse(piece []byte, r *record.Record) error {
	parts, err := e.line.Read(piece)
	if err != nil {
		return foreign.Bad("%.20q... of %d bytes is no envelope: %w", piece, len(piece), err)
	}
	key, value, headers, keyIsArray, valueIsArray := parts[0], parts[1], parts[2], parts[3], parts[4]
	var timestamp []byte
	if r.Offset, timestamp, err = e.about(parts[5]); err != nil {
		return err
	}
	if r.Key, err = opaque(key, keyIsArray); err != nil {
		return foreign.Bad("key: %w", err)
	}
	if r.Value, err = opaque(value, valueIsArray); err != nil {
		return foreign.Bad("value: %w", err)
	}
	if r.Headers, err = foreign.Headers(headers); err != nil {
		return foreign.Bad("%w", err)
	}
	if r.TimestampMs, err = foreign.Millis(timestamp); err != nil {
		return foreign.Bad("%w", err)
	}
	return nil
}

// about reads what an envelope says of its record besides its parts.
func (e *envelope) about(metadata []byte) (offset int64, timestamp []byte, err error) {
	if absent(metadata) {
		return 0, nil, foreign.Bad("it has no metadata with an offset")
	}
	parts, err := e.metadata.Read(metadata)
	if err != nil {
		return 0, nil, foreign.Bad("metadata: %w", err)
	}
	topic, part, at := parts[0], parts[1], parts[2]
	name, err := foreign.Opaque(topic)
	if err != nil {
		return 0, nil, foreign.Bad("metadata: topic: %w", err)
	}
	n, known := int64(0), false
	if !absent(part) {
		if n, err = strconv.ParseInt(string(part), 10, 32); err != nil {
			return 0, nil, foreign.Bad("metadata: partition %.40q is no number of one", part)
		}
		known = true
	}
	if len(name) > 0 && string(name) != e.topic || known && int32(n) != e.part {
		return 0, nil, foreign.Foreign("it holds a record of %.80s, partition %s", name, part)
	}
	if absent(at) {
		return 0, nil, foreign.Bad("it has no metadata with an offset")
	}
	if offset, err = strconv.ParseInt(string(at), 10, 64); err != nil {
		return 0, nil, foreign.Bad("metadata: offset %.40q is no number of one", at)
	}
	return offset, parts[3], nil
}

func absent(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

func opaque(raw, array []byte) ([]byte, error) {
	switch {
	case string(array) == "true":
		return foreign.Binary(raw)
	case absent(array) || string(array) == "false":
		return foreign.Opaque(raw)
	}
	return nil, foreign.Bad("whether it is base64 is said by %.40q", array)
}
