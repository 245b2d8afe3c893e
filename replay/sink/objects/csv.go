package objects

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/record"
)

// Rows of CSV, RFC 4180 with a header line. Keys, values and the names and values of headers are base64 of the exact bytes, so nothing in a row
// has to be quoted but one thing: null is nothing between two commas, and empty is "", as Spark and PostgreSQL have it. headers are
// NAME:VALUE joined by ;, in their order, and NAME alone where the value is null; no headers are null.

const csvHeader = "offset,timestamp,timestampType,key,value,headers" + csvBreak

const csvBreak = "\r\n"

// csvEmpty is a text that is there and has no characters.
const csvEmpty = `""`

func appendRow(dst []byte, offset int64, r *record.Record, extra []record.Header) []byte {
	dst = append(strconv.AppendInt(dst, offset, 10), ',')
	dst = append(strconv.AppendInt(dst, r.TimestampMs, 10), ',')
	dst = append(strconv.AppendInt(dst, int64(r.TimestampType), 10), ',')
	dst = append(appendCell(dst, r.Key), ',')
	dst = append(appendCell(dst, r.Value), ',')
	begun := len(dst)
	hs := headers(r, extra)
	for i, h := range hs {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = base64.StdEncoding.AppendEncode(dst, []byte(h.Key))
		if h.Value != nil {
			dst = base64.StdEncoding.AppendEncode(append(dst, ':'), h.Value)
		}
	}
	if len(hs) > 0 && len(dst) == begun { // one, without a name, that is null
		dst = append(dst, csvEmpty...)
	}
	return append(dst, csvBreak...)
}

func appendCell(dst, b []byte) []byte {
	switch {
	case b == nil:
		return dst
	case len(b) == 0:
		return append(dst, csvEmpty...)
	}
	return base64.StdEncoding.AppendEncode(dst, b)
}

func decodeRows(text []byte, yield func(record.Record) error) error {
	rest, ok := bytes.CutPrefix(text, []byte(csvHeader))
	if !ok {
		return errors.New("it has not the header line")
	}
	for len(rest) > 0 {
		line, more, ok := bytes.Cut(rest, []byte(csvBreak))
		if !ok {
			return errors.New("no line break at its end")
		}
		rec, err := parseRow(string(line))
		if err != nil {
			return err
		}
		if err := yield(rec); err != nil {
			return err
		}
		rest = more
	}
	return nil
}

func parseRow(line string) (r record.Record, err error) {
	cells := strings.SplitN(line, ",", 7)
	if len(cells) != 6 {
		return r, errors.New("a row has not 6 columns")
	}
	var kind int64
	for i, to := range []*int64{&r.Offset, &r.TimestampMs, &kind} {
		if *to, err = strconv.ParseInt(cells[i], 10, 64); err != nil {
			return r, fmt.Errorf("column %d: %w", i, err)
		}
	}
	if kind != int64(int8(kind)) {
		return r, fmt.Errorf("timestampType %d", kind)
	}
	r.TimestampType = record.TimestampType(kind)
	if r.Key, err = parseCell(cells[3]); err != nil {
		return r, fmt.Errorf("key: %w", err)
	}
	if r.Value, err = parseCell(cells[4]); err != nil {
		return r, fmt.Errorf("value: %w", err)
	}
	if r.Headers, err = parseHeaders(cells[5]); err != nil {
		return r, fmt.Errorf("headers: %w", err)
	}
	return r, nil
}

func parseCell(cell string) ([]byte, error) {
	switch cell {
	case "":
		return nil, nil
	case csvEmpty:
		return []byte{}, nil
	}
	return base64.StdEncoding.DecodeString(cell)
}

func parseHeaders(cell string) (out []record.Header, err error) {
	switch cell {
	case "":
		return nil, nil
	case csvEmpty:
		return []record.Header{{}}, nil
	}
	for item := range strings.SplitSeq(cell, ";") {
		name, value, held := strings.Cut(item, ":")
		key, err := base64.StdEncoding.DecodeString(name)
		if err != nil {
			return nil, err
		}
		h := record.Header{Key: string(key)}
		if held {
			if h.Value, err = base64.StdEncoding.DecodeString(value); err != nil {
				return nil, err
			}
		}
		out = append(out, h)
	}
	return out, nil
}
