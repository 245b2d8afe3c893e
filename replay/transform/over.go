package transform

import (
	"context"
	"errors"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Over returns src with its values changed by chain; src itself where chain is nil. Closing it closes src.
func Over(src source.Source, chain *Chain) source.Source {
	if chain == nil {
		return src
	}
	return &changed{src, chain}
}

type changed struct {
	source.Source
	chain *Chain
}

// Open starts reading slice.
func (c *changed) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := c.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	e := c.chain.Editor()
	return source.Sift(r, slice, func(b *record.Batch) (int, *source.Refusal, error) {
		if b.Digests != nil {
			return 0, nil, errDigests
		}
		n, why := e.change(b)
		return n, why.Refusal(), nil
	}), nil
}

// Refusal is r as a source says it, nil for nil.
func (r *Refused) Refusal() *source.Refusal {
	if r == nil {
		return nil
	}
	return &source.Refusal{Code: r.Code, Err: r}
}

var errDigests = errors.New("the source gives digests instead of records, which no step can change")

func (e *Editor) change(b *record.Batch) (n int, why *Refused) {
	return Rewrite(b, func(dst []byte, r *record.Record) ([]byte, bool, error) { return e.Append(dst, r.Value) })
}

// Rewrite changes the values of b in their order; nulls pass. appended appends what becomes of a record's value as Editor.Append does. It
// returns how many records were done, and why the next one was not.
func Rewrite(b *record.Batch, appended func(dst []byte, r *record.Record) (_ []byte, changed bool, err error)) (n int, why *Refused) {
	var buf *record.Buffer
	for i := range b.Records {
		rec := &b.Records[i]
		if rec.Value == nil {
			continue
		}
		if buf == nil {
			buf = record.NewBuffer(int(min(b.Bytes+b.Bytes/4, maxBuffer)))
			b.Own(buf)
		}
		// When it has no room the buffer gets other memory. Values that were made before stay in the old one, which nobody uses again.
		from := len(buf.B)
		out, changed, err := appended(buf.B, rec)
		if err != nil {
			var refused *Refused
			if !errors.As(err, &refused) {
				panic("transform: an editor says why: " + err.Error())
			}
			return i, refused
		}
		if !changed {
			continue
		}
		buf.B = out
		b.Bytes += int64(len(out) - from - len(rec.Value))
		rec.Value = out[from:len(out):len(out)]
	}
	return len(b.Records), nil
}

// maxBuffer bounds what is taken for a batch at once.
const maxBuffer = 8 << 20
