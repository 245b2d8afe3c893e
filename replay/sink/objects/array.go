package objects

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"backstitch/replay/record"
)

// One array of JSON with an object for each record: what line.go writes, for readers that want a whole document. Each stands on a line of its own.

func appendObject(dst []byte, offset int64, r *record.Record, extra []record.Header) []byte {
	dst = appendLine(dst, offset, r, extra)
	return dst[:len(dst)-1]
}

var errArray = errors.New("it is not one array")

func decodeArray(text []byte, yield func(record.Record) error) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("%w: it begins with %v: %w", errArray, t, err)
	}
	var raw json.RawMessage
	for dec.More() {
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		rec, err := parseLine(raw)
		if err != nil {
			return err
		}
		if err := yield(rec); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: %w", errArray, err)
	}
	if t, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: %v follows: %w", errArray, t, err)
	}
	return nil
}
