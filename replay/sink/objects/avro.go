package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"backstitch/replay/ocf"
	"backstitch/replay/record"

	"github.com/zeebo/xxh3"
)

// AvroSchema is that of data objects in Avro.
const AvroSchema = `{"type":"record","name":"Record","namespace":"dev.backstitch","fields":[` +
	`{"name":"offset","type":"long"},` +
	`{"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}},` +
	`{"name":"timestampType","type":"int"},` +
	`{"name":"key","type":["null","bytes"]},` +
	`{"name":"value","type":["null","bytes"]},` +
	`{"name":"headers","type":{"type":"array","items":{"type":"record","name":"Header","fields":[` +
	`{"name":"key","type":"string"},{"name":"value","type":["null","bytes"]}]}}}]}`

// avroCodecs are the format's own names of compressions.
var avroCodecs = map[string]string{"none": ocf.Null, "snappy": ocf.Snappy, "deflate": ocf.Deflate, "zstd": ocf.Zstandard}

type avroEncoder struct {
	codec  string
	schema string
	marker [ocf.MarkerLen]byte
	w      *ocf.Writer
	datum  []byte
	raw    int
}

func newAvroEncoder(codec string) (*avroEncoder, error) {
	// The sync marker is made out of the schema: readers that look for one do so in damaged objects, and whoever puts it into a record can
	// make those of its own object hard to find, and no others.
	e := &avroEncoder{codec: avroCodecs[codec], schema: AvroSchema, marker: xxh3.HashString128(AvroSchema).Bytes()}
	return e, e.begin()
}

func (e *avroEncoder) begin() (err error) {
	e.raw = 0
	e.w, err = ocf.NewWriter(e.schema, e.codec, e.marker)
	return err
}

var errHeaderName = errors.New("the name of a header is not UTF-8, and a string of this format is")

func (e *avroEncoder) add(offset int64, r *record.Record, extra []record.Header) error {
	return e.put(offset, r, extra, nil)
}

// put adds a record, with v for its value where values are columns.
func (e *avroEncoder) put(offset int64, r *record.Record, extra []record.Header, v *content) error {
	d := ocf.AppendLong(e.datum[:0], offset)
	d = ocf.AppendLong(d, r.TimestampMs)
	d = ocf.AppendLong(d, int64(r.TimestampType))
	d = appendOptional(d, r.Key)
	if v == nil {
		d = appendOptional(d, r.Value)
	} else {
		d = appendContent(d, v)
	}
	hs := headers(r, extra)
	if len(hs) > 0 {
		d = ocf.AppendLong(d, int64(len(hs)))
	}
	for _, h := range hs {
		if !utf8.ValidString(h.Key) {
			return unheld(r, errHeaderName)
		}
		d = append(ocf.AppendLong(d, int64(len(h.Key))), h.Key...)
		d = appendOptional(d, h.Value)
	}
	e.datum = ocf.AppendLong(d, 0)
	e.raw += len(e.datum)
	return e.w.Datum(e.datum)
}

func (e *avroEncoder) size() int { return e.raw }

func (e *avroEncoder) finish() ([][]byte, error) {
	out, err := e.w.Close()
	return [][]byte{out}, errors.Join(err, e.begin())
}

// appendOptional appends bytes as the second branch of a union, or null as the first.
func appendOptional(dst, b []byte) []byte {
	if b == nil {
		return ocf.AppendLong(dst, 0)
	}
	return ocf.AppendBytes(ocf.AppendLong(dst, 1), b)
}

func decodeAvro(text []byte, yield func(record.Record) error) error {
	var c ocf.Codecs
	defer c.Close()
	r, err := ocf.NewReader(bytes.NewReader(text), &c, ocf.Limits{BlockBytes: maxDecoded})
	if err != nil {
		return err
	}
	t, made := columnTypes(r.Schema())
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		block, err := r.Open(nil, b)
		if err != nil {
			return err
		}
		d := datums{b: block}
		for range b.Records {
			var rec record.Record
			if made {
				rec, err = d.columns(t)
			} else {
				rec, err = d.record()
			}
			if err != nil {
				return err
			}
			if err := yield(rec); err != nil {
				return err
			}
		}
		if len(d.b) > 0 {
			return fmt.Errorf("%d bytes behind the last record of a block", len(d.b))
		}
	}
}

// datums reads records of AvroSchema.
type datums struct {
	b   []byte
	bad error // the first one
}

var errDatum = errors.New("is not a record of the schema")

func (d *datums) record() (record.Record, error) {
	rec := record.Record{Offset: d.long(), TimestampMs: d.long(), TimestampType: record.TimestampType(d.long())}
	rec.Key, rec.Value = d.optional(), d.optional()
	rec.Headers = d.headers()
	return rec, d.bad
}

func (d *datums) headers() (out []record.Header) {
	for n := d.long(); n != 0 && d.bad == nil; n = d.long() {
		if n < 0 || n > int64(len(d.b)) {
			d.bad = errDatum
		}
		for ; n > 0 && d.bad == nil; n-- {
			out = append(out, record.Header{Key: string(d.run()), Value: d.optional()})
		}
	}
	return out
}

func (d *datums) long() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = errDatum, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *datums) run() []byte {
	n := d.long()
	if n < 0 || n > int64(len(d.b)) {
		d.bad, d.b = errDatum, nil
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *datums) optional() []byte {
	if d.branch() {
		return d.run()
	}
	return nil
}

// branch reads whether a union with null in front holds something else.
func (d *datums) branch() bool {
	switch d.long() {
	case 0:
		return false
	case 1:
		return true
	}
	d.bad = errDatum
	return false
}
