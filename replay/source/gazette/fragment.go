package gazette

import (
	"crypto/sha1" // #nosec G505 -- names of fragments have one; against accident
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// fragment decodes one object.
type fragment struct {
	foreign.Records
	name   foreign.Name
	sum    hash.Hash // of all that was read
	length counter
}

func open(o *foreign.Object) (foreign.Decoder, error) {
	content, err := o.Content(o.Stored(), o.Name.Codec)
	if err != nil {
		return nil, err
	}
	f := &fragment{name: o.Name, sum: sha1.New()} // #nosec G401 -- names of fragments have one
	f.Records = o.Cut(io.TeeReader(content, io.MultiWriter(f.sum, &f.length)), foreign.Lines)
	return f, nil
}

// Next reads a line. Its position is that of its first byte.
func (f *fragment) Next(r *record.Record) error {
	at := f.At()
	line, err := f.Records.Next()
	if errors.Is(err, io.EOF) {
		return f.end()
	}
	if err != nil {
		return err
	}
	r.Offset, r.Value = f.name.First+at, line
	return nil
}

// Skip passes over a line.
func (f *fragment) Skip() error {
	var r record.Record
	return f.Next(&r)
}

func (f *fragment) end() error {
	want := f.name.Last + 1 - f.name.First
	switch got := hex.EncodeToString(f.sum.Sum(nil)); {
	case int64(f.length) != want:
		return foreign.Corrupt("it holds %d bytes, its name says %d", int64(f.length), want)
	case got != f.name.Digest:
		return foreign.Corrupt("its content has SHA-1 %s, its name says %s", got, f.name.Digest)
	}
	return io.EOF
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
