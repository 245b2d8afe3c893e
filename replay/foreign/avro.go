package foreign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"backstitch/replay/ocf"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Objects of Avro. They hold the datum of a record and not the bytes that it had in its topic, so what those were has to be said; see
// Rendering. The trap is to say more than is known: a number in front of a datum that the topic had under another one, or JSON in
// other words, makes each record look lost.

// Rendering is what bytes a value had whose datum an object holds.
type Rendering string

const (
	AsPlain  Rendering = "plain"     // those of the string or the bytes that the datum is
	AsJSON   Rendering = "json"      // the datum as JSON, in the one form that package ocf gives it
	AsFramed Rendering = "confluent" // a byte 0, the number of the schema, and the datum as it is
)

// Number is what a registry calls a schema.
type Number struct {
	ID    uint32
	Print ocf.Print
}

// container decodes an object of Avro.
type container struct {
	r       *ocf.Reader
	as      Rendering
	numbers []Number
	max     int // bytes of a record
	// row makes a record of a datum that holds one whole; nil where a datum is a value.
	row func(datum []byte, out *rendered, r *record.Record) error

	left  int64     // records of the current block that were not returned
	lost  *Damage   // why they can not be
	block ocf.Block // not opened yet while fresh
	fresh bool
	held  *record.Buffer // what the block decompresses to
	ends  []int          // of its datums in held
	out   rendered
	i     int            // datum of the block that is next
	buf   *record.Buffer // that of the last record
	frame [record.FrameLen]byte
}

// Avro decodes the object as an object container. numbers are what to frame datums with.
func (o *Object) Avro(as Rendering, numbers []Number) (Decoder, error) {
	c, err := o.container(as)
	if err != nil {
		return nil, err
	}
	c.numbers = numbers
	if as == AsFramed && !o.Counting {
		if err := c.number(); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// AvroEnvelopes decodes the object as an object container whose datums hold whole records.
func (o *Object) AvroEnvelopes(e Enveloped) (Decoder, error) {
	c, err := o.container(e.As)
	if err != nil {
		return nil, err
	}
	if c.row, err = e.datums(c.r.Schema()); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (o *Object) container(as Rendering) (*container, error) {
	r, err := ocf.NewReader(o.body, &o.opener.avro, ocf.Limits{BlockBytes: o.Limits.MaxRecordBytes})
	if err != nil {
		return nil, avroDamage(err)
	}
	c := &container{r: r, as: as, max: o.Limits.MaxRecordBytes, held: record.NewBuffer(0)}
	c.out = rendered{max: o.Limits.MaxRecordBytes, room: o.Limits.MaxObjectBytes, buf: record.NewBuffer(0)}
	c.buf = c.held
	return c, nil
}

// avroDamage gives an error of the reader a code, if it is not the transport's.
func avroDamage(err error) error {
	switch {
	case errors.Is(err, errBroken):
		return err
	case errors.Is(err, ocf.ErrNotContainer):
		return Foreign("%w", err)
	case errors.Is(err, ocf.ErrLimit):
		return &Damage{Code: source.CodeTooLarge, Err: err}
	case errors.Is(err, ocf.ErrCodec):
		return &Damage{Code: source.CodeAvroCodec, Err: err}
	case errors.Is(err, ocf.ErrSchema):
		return Corrupt("%w", err)
	}
	return asDamage(err)
}

// number finds out what stands in front of each datum. Two numbers for one schema are as good as none: nobody knows which one a record had.
func (c *container) number() error {
	print := c.r.Schema().Print()
	var ids []uint32
	for _, n := range c.numbers {
		if n.Print == print && !slices.Contains(ids, n.ID) {
			ids = append(ids, n.ID)
		}
	}
	switch len(ids) {
	case 1:
		binary.BigEndian.PutUint32(c.frame[1:], ids[0])
		return nil
	case 0:
		return &Damage{Code: source.CodeNoNumber, Err: fmt.Errorf("its schema (SHA-256 of the canonical form %s) has none of the %d numbers that are known, so what its values began with is not", print, len(c.numbers))}
	}
	return &Damage{Code: source.CodeNoNumber, Err: fmt.Errorf("its schema (SHA-256 of the canonical form %s) has numbers %v: which of them a value began with is not known", print, ids)}
}

// advance makes sure that the current block has a record left, io.EOF at the end.
func (c *container) advance() error {
	for c.left == 0 {
		b, err := c.r.Next()
		var broken *ocf.BrokenError
		switch {
		case err == io.EOF:
			return err
		case errors.As(err, &broken):
			// How many it held is not known. It takes one position, so that it has a place.
			c.left = 1
			c.lost = &Damage{Code: source.CodeAvroBlock, Record: true, Err: fmt.Errorf("bytes [%d,%d): %w; how many records were there is not known, and positions behind it are too low", broken.From, broken.To, broken.Err)}
			return nil
		case err != nil:
			return avroDamage(err)
		}
		c.left, c.block, c.fresh, c.lost, c.i = b.Records, b, true, nil, 0
	}
	return nil
}

// Skip passes over a record. A block of which none is wanted is not even decompressed.
func (c *container) Skip() error {
	if err := c.advance(); err != nil {
		return err
	}
	c.left--
	c.i++
	return nil
}

// Next renders the next record.
func (c *container) Next(r *record.Record) error {
	if err := c.advance(); err != nil {
		return err
	}
	if c.fresh {
		c.open()
	}
	if c.lost != nil {
		bad := *c.lost
		bad.Lost, c.left = c.left, 0
		return &bad
	}
	if err := c.out.spent(); err != nil {
		return err
	}
	begin := 0
	if c.i > 0 {
		begin = c.ends[c.i-1]
	}
	end := c.ends[c.i]
	c.left--
	c.i++
	if end-begin > c.max {
		return &Damage{Code: source.CodeTooLarge, Record: true, Err: fmt.Errorf("%w of %d bytes", errTooLong, c.max)}
	}
	return c.render(r, c.held.B[begin:end:end])
}

// open decompresses the block and finds its datums.
func (c *container) open() {
	c.fresh = false
	size := len(c.held.B) // most blocks are about as large as the one before
	c.held.Done()
	c.held = record.NewBuffer(size)
	c.buf = c.held
	body, err := c.r.Open(c.held.B, c.block)
	if err == nil {
		c.held.B = body
		c.out.room -= int64(len(body))
		c.ends, err = c.r.Schema().Datums(c.ends[:0], body, c.block.Records)
	}
	if err == nil {
		if c.as == AsFramed {
			c.reframe()
		}
		return
	}
	code := source.CodeAvroBlock
	if errors.Is(err, ocf.ErrLimit) {
		code = source.CodeTooLarge
	}
	c.lost = &Damage{Code: code, Record: true, Err: fmt.Errorf("block at byte %d: %w", c.block.At, err)}
}

// reframe puts the number in front of each datum, so that records are cut from one run of bytes.
func (c *container) reframe() {
	whole := record.NewBuffer(len(c.held.B) + len(c.ends)*record.FrameLen)
	begin := 0
	for i, end := range c.ends {
		whole.B = append(append(whole.B, c.frame[:]...), c.held.B[begin:end]...)
		begin, c.ends[i] = end, len(whole.B)
	}
	c.held.Done()
	c.held, c.buf = whole, whole
}

// render makes the value that a datum was.
func (c *container) render(r *record.Record, datum []byte) (err error) {
	s := c.r.Schema()
	if c.row != nil {
		c.out.fit(len(datum))
		c.buf = c.out.buf
		return c.row(datum, &c.out, r)
	}
	switch c.as {
	case AsFramed:
		if r.Value = datum; s.Null(datum[record.FrameLen:]) {
			r.Value = nil // a client writes a null as one, and not as a datum
		}
		return nil
	case AsPlain:
		if r.Value, err = s.Plain(datum); err != nil {
			return &Damage{Code: source.CodeNotRendered, Record: true, Err: fmt.Errorf("its datum is %w, and nothing says what bytes it was", err)}
		}
		return nil
	default:
		if s.Null(datum) {
			return nil
		}
		return c.text(r, datum)
	}
}

func (c *container) text(r *record.Record, datum []byte) (err error) {
	c.out.fit(len(datum))
	c.buf = c.out.buf
	r.Value, err = c.out.add(func(dst []byte, limit int) ([]byte, error) { return c.r.Schema().AppendJSON(dst, datum, limit) })
	return err
}

// Buffer holds the value of the last record.
func (c *container) Buffer() *record.Buffer { return c.buf }

// Close gives the buffers up.
func (c *container) Close() {
	c.held.Done()
	c.out.buf.Done()
}
