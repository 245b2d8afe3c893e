package framed

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"slices"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Values in AWS Glue's frame: a byte 3, one that says how the rest is compressed (0 not at all, 5 by zlib), the UUID of a version, and the
// payload. Two things differ from the other names.
//
//   - The payload may be compressed. What comes out of a step is written as it is, with a 0: two releases of a compressor give the same
//     value other bytes, and a proof compares bytes that another program may have made. Where steps leave the payload alone, it keeps its
//     compressed bytes, and its 5, under the UUID of the output schema.
//   - A message of Protobuf begins with one number instead of a path of indexes (Glued).

// MaxBytes bounds what one value is decompressed to.
const MaxBytes = 64 << 20

const glueByte = 3

// glued finds the name of a value in that frame. is says that it can be no other one.
func glued(value []byte, read bool) (_ named, is bool, err error) {
	name, deflated, ok := record.GlueName(value)
	switch {
	case ok && read:
		return named{name: name, header: -1, payload: value[record.GlueLen:], deflated: deflated}, true, nil
	case ok:
		return named{}, true, Refuse(source.CodeNotFramed, "it is in AWS Glue's frame and names %s: say what that is in spec.transform.values.glue", name)
	case read && len(value) >= record.GlueLen && value[0] == glueByte:
		return named{}, true, Refuse(source.CodeDeflated, "it begins like AWS Glue's frame, and the byte %d behind it is neither 0 nor 5, for zlib", value[1])
	case read && len(value) > 0 && value[0] == glueByte:
		return named{}, true, Refuse(source.CodeNotFramed, "it begins like AWS Glue's frame, and ends within the UUID")
	}
	return named{}, false, nil
}

// noVersion refuses a value whose version nobody has told.
func noVersion(name record.SchemaName) error {
	return Refuse(source.CodeNoVersion, "%s is not in the spec: add {uuid: %s, file: FILE} to spec.transform.values.glue.versions; aws glue get-schema-version --schema-version-id %s shows its schema",
		name, name.Text(), name.Text())
}

// glue changes a value in AWS Glue's frame.
func (e *Editor) glue(dst []byte, x *named) (_ []byte, changed bool, err error) {
	w, to, err := e.both(x.name)
	if err != nil {
		return dst, false, err
	}
	payload, err := e.inflater.payload(x)
	if err != nil {
		return dst, false, err
	}
	whole, first, err := unglued(e.whole[:0], w, payload)
	if err != nil {
		return dst, false, err
	}
	e.whole = whole
	n := len(dst)
	at := n + record.GlueLen // where the payload begins
	out, err := e.changer.Change(appendName(dst, to), w, whole)
	if err != nil {
		return dst[:n], false, err
	}
	same := bytes.Equal(out[at:], whole)
	if g, ok := e.out.(Glued); ok {
		same = same && bytes.Equal(payload[:first], g.GlueIndex()) // one path may be two numbers in two files
		out = slices.Replace(out, at, at+len(g.Index()), g.GlueIndex()...)
	}
	switch {
	case !same:
		return out, true, nil
	case to == x.name:
		return dst[:n], false, nil
	}
	return append(record.AppendGlue(out[:n], to, x.deflated), x.payload...), true, nil
}

// unglued appends a payload as it stands in other frames, and says how many bytes in front of it are others there.
func unglued(dst []byte, w Schema, payload []byte) (whole []byte, first int, err error) {
	g, ok := w.(Glued)
	if !ok {
		return append(dst, payload...), 0, nil
	}
	index, first, err := g.Unglue(payload)
	if err != nil {
		return dst, 0, Refuse(source.CodeNoMessage, "%w", err)
	}
	return append(append(dst, index...), payload[first:]...), first, nil
}

// inflater decompresses payloads. It is used by one goroutine.
type inflater struct {
	in   bytes.Reader
	zlib io.ReadCloser // a zlib.Resetter; nil before the first stream
	out  bytes.Buffer
	most int64 // in bytes, 0 for MaxBytes
}

// payload is that of x, decompressed. It is valid until the next one.
func (f *inflater) payload(x *named) ([]byte, error) {
	if !x.deflated {
		return x.payload, nil
	}
	err := f.inflate(x.payload)
	switch {
	case errors.Is(err, errInflated):
		return nil, Refuse(source.CodeInflated, "decompressed it has more than %d bytes", f.limit())
	case err != nil:
		return nil, Refuse(source.CodeDeflated, "AWS Glue's frame says that zlib has compressed it, and that does not read: %w", err)
	}
	return f.out.Bytes(), nil
}

func (f *inflater) limit() int64 {
	if f.most == 0 {
		return MaxBytes
	}
	return f.most
}

var (
	errInflated = errors.New("more than a value may be")
	errTrailing = errors.New("bytes follow its end")
)

// inflate decompresses the whole of b, which is one stream.
func (f *inflater) inflate(b []byte) (err error) {
	f.in.Reset(b)
	if f.zlib == nil {
		f.zlib, err = zlib.NewReader(&f.in)
	} else {
		err = f.zlib.(zlib.Resetter).Reset(&f.in, nil)
	}
	if err != nil {
		return err
	}
	f.out.Reset()
	switch n, err := io.Copy(&f.out, io.LimitReader(f.zlib, f.limit()+1)); {
	case n > f.limit():
		return errInflated
	case err != nil:
		return err
	case f.in.Len() > 0: // it takes a byte at a time, and none behind the end
		return errTrailing
	}
	return nil
}
