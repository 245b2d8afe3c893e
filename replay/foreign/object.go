package foreign

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/replay/bucket"
	"backstitch/replay/parquetfile"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Opening one object. The trap: an object that is cut short and a connection that breaks off look the same to a decompressor.
// body tells them apart, because only it knows how many bytes were to come. The first is damage and stays; the second is worth
// a retry and must never reach a quarantine list.

// body counts what comes from the store.
type body struct {
	io.ReadCloser
	left int64
	fail error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.left > 0:
		b.fail = fmt.Errorf("%w: %d bytes were to come: %w", errBroken, b.left, io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		b.fail = fmt.Errorf("%w: %w", errBroken, err)
	default:
		return n, err
	}
	return n, b.fail
}

// bounded ends a stream with an error beyond its ceiling, and blames the transport where it was the transport.
type bounded struct {
	r    io.Reader
	left int64
	body *body
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, &Damage{Code: source.CodeTooLarge, Err: errors.New("object decompresses to more than the ceiling")}
	}
	switch {
	case r.body.fail != nil:
		err = r.body.fail
	case err != nil && err != io.EOF:
		err = asDamage(err)
	}
	return n, err
}

// opener opens objects, one after the other, reusing decompressors. It is used by one goroutine.
type opener struct {
	b      bucket.Bucket
	layout Layout
	limits *Limits
	block  int    // bytes to read at a time; 0 is blockBytes
	held   *int64 // bytes of Parquet that all objects of one read hold; nil before the first
	codecs
}

func (o *opener) close() { o.codecs.close() }

// Object is one object on its way to a Decoder, which it belongs to.
type Object struct {
	Name   Name
	Size   int64 // as stored
	Limits *Limits
	// Counting says that its records are only counted, so that companions are not needed.
	Counting bool

	opener     *opener
	companions map[string]companion
	body       *body
	more       []*Object // companions that were opened, to be closed with this one
	own        *opener   // of a companion: decompressors that nobody shares
}

// open gets an object under its ETag and lets the layout decode it. The error may be a *Damage.
func (o *opener) open(ctx context.Context, n Name, key string, f frozen, counting bool) (*Object, Decoder, error) {
	obj, err := o.get(ctx, n, key, f.value)
	if err != nil {
		return nil, nil, err
	}
	obj.companions, obj.Counting = f.companions, counting
	d, err := o.layout.Decode(ctx, obj)
	if err != nil {
		if obj.body.fail != nil {
			err = obj.body.fail
		}
		obj.close()
		return nil, nil, err
	}
	return obj, d, nil
}

func (o *opener) get(ctx context.Context, n Name, key, etag string) (*Object, error) {
	r, in, err := o.b.Get(ctx, key, etag)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", source.ErrGone, err)
	case errors.Is(err, bucket.ErrChanged):
		return nil, fmt.Errorf("%w: %w", source.ErrChanged, err)
	case err != nil:
		return nil, err
	}
	return &Object{Name: n, Size: in.Size, Limits: o.limits, opener: o, body: &body{ReadCloser: r, left: in.Size}}, nil
}

func (o *Object) close() {
	o.body.Close() //nolint:errcheck // it was only read
	for _, c := range o.more {
		c.close()
	}
	if o.own != nil {
		o.own.close()
	}
}

// Companion opens the companion of a kind. That there is none is a *Damage.
func (o *Object) Companion(ctx context.Context, kind string) (*Object, error) {
	c, ok := o.companions[kind]
	if !ok {
		return nil, &Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("its .%s file is missing", kind)}
	}
	n := o.Name
	n.Ext, n.Companion = c.ext, kind
	n.Format, n.Codec = SplitExt(c.ext)
	own := &opener{b: o.opener.b, layout: o.opener.layout, limits: o.opener.limits, block: o.opener.block, held: o.opener.held}
	obj, err := own.get(ctx, n, o.Name.Stem+c.ext, c.etag)
	if err != nil {
		own.close()
		return nil, err
	}
	obj.own = own
	o.more = append(o.more, obj)
	return obj, nil
}

// Stored is the object as the store has it.
func (o *Object) Stored() io.Reader { return o.body }

// Content is what r, the object or a part of it, decompresses to under codec.
func (o *Object) Content(r io.Reader, codec string) (io.Reader, error) {
	out, err := o.opener.decompress(r, codec)
	if err != nil {
		return nil, asDamage(err)
	}
	return out, nil
}

// Cut cuts records from r, which reads the object, with a ceiling over all of it. Its errors have codes.
func (o *Object) Cut(r io.Reader, split Split) Records {
	c := o.cutter(split)
	c.src = &bounded{r: r, left: o.Limits.MaxObjectBytes, body: o.body}
	c.buf = record.NewBuffer(c.block)
	return Records{c}
}

func (o *Object) cutter(split Split) *cutter {
	c := &cutter{split: split, max: o.Limits.MaxRecordBytes, block: o.opener.block}
	if c.block == 0 {
		c.block = blockBytes
	}
	return c
}

// Records are the pieces of an object as a Split cuts them.
type Records struct{ *cutter }

// Next returns the next piece, which lies in Buffer.
func (r Records) Next() ([]byte, error) { return r.next() }

// Buffer holds what Next returned last.
func (r Records) Buffer() *record.Buffer { return r.buf }

// At is how many bytes of the object, decompressed, lie before the next piece.
func (r Records) At() int64 { return r.at() }

// Close gives the buffer up.
func (r Records) Close() { r.close() }

// Records cuts the object into pieces.
func (o *Object) Records(split Split) (Records, error) {
	var rest io.Reader = o.body
	if o.Name.Codec == ".zst" {
		whole, r, err := o.opener.whole(o.body, o.Size, o.Limits.WholeBytes)
		if err != nil {
			return Records{}, asDamage(err)
		}
		if whole != nil {
			c := o.cutter(split)
			c.buf, c.err = whole, io.EOF
			return Records{c}, nil
		}
		rest = r
	}
	src, err := o.Content(rest, o.Name.Codec)
	if err != nil {
		return Records{}, err
	}
	return o.Cut(src, split), nil
}

// Head returns up to n bytes of what an object begins with, decompressed.
func (a *Archive) Head(ctx context.Context, name Name, in bucket.Info, n int64) ([]byte, error) {
	o := &opener{b: a.b, layout: a.layout, limits: &a.limits}
	defer o.close()
	obj, err := o.get(ctx, name, in.Key, in.ETag)
	if err != nil {
		return nil, err
	}
	defer obj.close()
	stored := bufio.NewReader(obj.body)
	codec := name.Codec
	// A container compresses its own parts, whatever its name says.
	if magic, err := stored.Peek(4); err == nil && (string(magic) == "PAR1" || string(magic) == "Obj\x01") {
		codec = ""
	}
	r, err := obj.Content(stored, codec)
	if err != nil {
		return nil, err
	}
	head, err := io.ReadAll(io.LimitReader(r, n))
	switch {
	case obj.body.fail != nil:
		return nil, obj.body.fail
	case err != nil && len(head) == 0:
		return nil, asDamage(err)
	}
	return head, nil
}

// Columns are the names at the top of the schema of an object of Avro or Parquet. That it has none is a *Damage.
func (a *Archive) Columns(ctx context.Context, name Name, in bucket.Info) ([]string, error) {
	o := &opener{b: a.b, layout: a.layout, limits: &a.limits}
	defer o.close()
	obj, err := o.get(ctx, name, in.Key, in.ETag)
	if err != nil {
		return nil, err
	}
	defer obj.close()
	if name.Format == Avro {
		c, err := obj.container(AsJSON)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		return c.r.Schema().Names(), nil
	}
	var names []string
	d, err := obj.table(func(s *parquetfile.Schema) (rowParser, error) {
		names = s.Names()
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	d.Close()
	return names, nil
}
