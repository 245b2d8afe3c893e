package framed

import "backstitch/replay/record"

// Part is a value that names its schema, taken apart.
type Part struct {
	Name     record.SchemaName
	Header   bool // a header names it, and nothing stands in front of the value
	Deflated bool // zlib had compressed it, which only AWS Glue's frame has
	// Payload is what stands behind the name, decompressed. The message indexes of Protobuf are in front of it, wherever they were; in AWS
	// Glue's frame that is Glued's number. It is valid until the next value.
	Payload []byte
}

// Taker takes values apart without looking into them. It is used by one goroutine.
type Taker struct {
	inflater inflater
	whole    []byte
}

// Take takes r's value apart. An error says that it names no schema, or two of them, or that its frame is broken.
func (t *Taker) Take(r *record.Record) (Part, error) {
	x, err := look(r, all)
	if err != nil {
		return Part{}, err
	}
	out := Part{Name: x.name, Header: x.header >= 0, Deflated: x.deflated}
	if out.Payload, err = t.inflater.payload(&x); err != nil {
		return Part{}, err
	}
	if len(x.tail) > 0 {
		t.whole = append(append(t.whole[:0], x.tail...), out.Payload...)
		out.Payload = t.whole
	}
	return out, nil
}

// AppendName appends a name as it stands in front of a value or in a header. In AWS Glue's frame the payload behind it is not compressed.
func AppendName(dst []byte, n record.SchemaName) []byte { return appendName(dst, n) }
