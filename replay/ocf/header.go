package ocf

import (
	"bytes"
	"errors"
	"fmt"
)

// magic begins an object.
const magic = "Obj\x01"

// MarkerLen is the length of a sync marker, in bytes.
const MarkerLen = 16

// Limits of a header.
const (
	maxHeaderBytes = 8 << 20
	maxMetadata    = 10_000
)

// ErrNotContainer says that an object is no Avro object container.
var ErrNotContainer = errors.New("not an Avro object container")

// header is what an object begins with.
type header struct {
	schema *Schema
	codec  string
	marker [MarkerLen]byte
}

// parseHeader reads a header from what an object begins with. errShort asks for more.
func parseHeader(b []byte) (h header, n int, err error) {
	if len(b) < len(magic) {
		return h, 0, errShort
	}
	if string(b[:len(magic)]) != magic {
		return h, 0, fmt.Errorf("it begins with %q: %w", b[:len(magic)], ErrNotContainer)
	}
	w := walker{b: b, at: len(magic)}
	var text []byte
	for entries := int64(0); ; {
		items, err := w.count()
		if err != nil {
			return h, 0, err
		}
		if items == 0 {
			break
		}
		if entries += items; entries > maxMetadata || entries < 0 {
			return h, 0, fmt.Errorf("a header with %d entries: %w", entries, ErrLimit)
		}
		for ; items > 0; items-- {
			key, err := w.run()
			if err != nil {
				return h, 0, err
			}
			value, err := w.run()
			if err != nil {
				return h, 0, err
			}
			switch string(key) {
			case "avro.schema":
				text = value
			case "avro.codec":
				h.codec = string(value)
			}
		}
	}
	marker, err := w.take(MarkerLen)
	if err != nil {
		return h, 0, err
	}
	h.marker = [MarkerLen]byte(marker)
	if h.schema, err = ParseSchema(bytes.TrimSpace(text)); err != nil {
		return h, 0, err
	}
	return h, w.at, checkCodec(h.codec)
}
