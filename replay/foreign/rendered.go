package foreign

import (
	"errors"
	"fmt"

	"backstitch/replay/ocf"
	"backstitch/replay/parquetfile"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// rendered is what values are made in: runs of memory that are as long as they need to be, and live on as long as a batch holds them.
type rendered struct {
	buf  *record.Buffer
	max  int   // bytes of a value
	room int64 // bytes that the object may still be rendered into, or decompress to
}

// fit begins another run if the current one has no room for about n bytes more. What a record has so far stays where it is.
func (o *rendered) fit(n int) {
	if len(o.buf.B) > blockBytes || cap(o.buf.B)-len(o.buf.B) <= n { // never none at all: an empty value of no memory would be null
		o.buf.Done()
		o.buf = record.NewBuffer(max(blockBytes, 2*n))
	}
}

// add appends what render makes, with a limit that it keeps to, and returns it.
func (o *rendered) add(render func(dst []byte, limit int) ([]byte, error)) ([]byte, error) {
	begin := len(o.buf.B)
	out, err := render(o.buf.B, o.max)
	if err != nil {
		return nil, renderDamage(err)
	}
	o.buf.B = out
	o.room -= int64(len(out) - begin)
	return out[begin:len(out):len(out)], nil
}

// renderDamage is what is wrong with a record that can not be made a value of.
func renderDamage(err error) *Damage {
	code := source.CodeNotRendered
	switch {
	case errors.Is(err, ocf.ErrLimit), errors.Is(err, parquetfile.ErrLimit):
		code = source.CodeTooLarge
	case errors.Is(err, parquetfile.ErrCorrupt):
		code = source.CodeParquetGroup
	}
	return &Damage{Code: code, Record: true, Err: err}
}

func notPlain(err error) *Damage {
	return &Damage{Code: source.CodeNotRendered, Record: true, Err: fmt.Errorf("its value is %w, and nothing says what bytes it was", err)}
}

func (o *rendered) spent() error {
	if o.room < 0 {
		return &Damage{Code: source.CodeTooLarge, Err: errors.New("object decompresses, or is rendered, to more than the ceiling")}
	}
	return nil
}
