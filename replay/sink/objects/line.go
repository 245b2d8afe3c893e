package objects

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"backstitch/replay/record"
)

// appendLine appends one record and its line break.
func appendLine(dst []byte, offset int64, r *record.Record, extra []record.Header) []byte {
	dst = strconv.AppendInt(append(dst, `{"offset":`...), offset, 10)
	dst = strconv.AppendInt(append(dst, `,"timestamp":`...), r.TimestampMs, 10)
	if r.TimestampType != record.CreateTime {
		dst = strconv.AppendInt(append(dst, `,"type":`...), int64(r.TimestampType), 10)
	}
	dst = appendBytes(append(dst, `,"key":`...), r.Key)
	dst = appendBytes(append(dst, `,"value":`...), r.Value)
	if len(r.Headers)+len(extra) > 0 {
		dst = append(dst, `,"headers":[`...)
		for i, h := range r.Headers {
			dst = appendHeader(dst, i, h)
		}
		for i, h := range extra {
			dst = appendHeader(dst, len(r.Headers)+i, h)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}', '\n')
}

func appendHeader(dst []byte, i int, h record.Header) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = appendBytes(append(dst, '['), append([]byte{}, h.Key...))
	dst = appendBytes(append(dst, ','), h.Value)
	return append(dst, ']')
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

func decodeLines(text []byte, yield func(record.Record) error) error {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return errors.New("no line break at its end")
		}
		rec, err := parseLine(text[:end])
		if err != nil {
			return err
		}
		if err := yield(rec); err != nil {
			return err
		}
		text = text[end+1:]
	}
	return nil
}

// line is what a reader decodes.
type line struct {
	Offset    int64        `json:"offset"`
	Timestamp int64        `json:"timestamp"`
	Type      int8         `json:"type"`
	Key       *[]byte      `json:"key"`
	Value     *[]byte      `json:"value"`
	Headers   [][2]*[]byte `json:"headers"`
}

func parseLine(text []byte) (record.Record, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return record.Record{}, err
	}
	r := record.Record{
		Offset: l.Offset, TimestampMs: l.Timestamp, TimestampType: record.TimestampType(l.Type),
		Key: value(l.Key), Value: value(l.Value),
	}
	for _, h := range l.Headers {
		if h[0] == nil {
			return record.Record{}, fmt.Errorf("record %d has a header without a name", l.Offset)
		}
		r.Headers = append(r.Headers, record.Header{Key: string(*h[0]), Value: value(h[1])})
	}
	return r, nil
}

func value(b *[]byte) []byte {
	if b == nil {
		return nil
	}
	if *b == nil {
		return []byte{}
	}
	return *b
}
