package objects

import (
	"backstitch/replay/record"
)

// Formats of text: something in front, a piece for each record, something at the end, and all of it compressed as one stream.

// text is a format of text.
type text struct {
	begin   string
	between string // two records
	end     string
	// record appends one record.
	record func(dst []byte, offset int64, r *record.Record, extra []record.Header) []byte
	// read is the way back, from begin to end.
	read func(text []byte, yield func(record.Record) error) error
}

// texts are the formats of text.
var texts = map[Format]text{
	NDJSON: {record: appendLine, read: decodeLines},
	Array:  {begin: "[\n", between: ",\n", end: "\n]\n", record: appendObject, read: decodeArray},
	CSV:    {begin: csvHeader, record: appendRow, read: decodeRows},
}

// textEncoder writes a format of text.
type textEncoder struct {
	text
	codec string
	out   []byte
	count int
}

func (e *textEncoder) add(offset int64, r *record.Record, extra []record.Header) error {
	if e.count == 0 {
		e.out = append(e.out, e.begin...)
	} else {
		e.out = append(e.out, e.between...)
	}
	e.out = e.record(e.out, offset, r, extra)
	e.count++
	return nil
}

func (e *textEncoder) size() int { return len(e.out) }

// finish returns memory that the next object may be written into: it is the caller's until then.
func (e *textEncoder) finish() ([][]byte, error) {
	if e.count == 0 {
		e.out = append(e.out, e.begin...)
	}
	out := append(e.out, e.end...)
	e.out, e.count = out[:0], 0
	if e.codec == "none" {
		return [][]byte{out}, nil
	}
	out, err := compressText(e.codec, out)
	return [][]byte{out}, err
}
