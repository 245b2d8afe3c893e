package transform

import (
	"context"
	"errors"
	"sort"

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
	return &reader{Reader: r, slice: slice, editor: c.chain.Editor()}, nil
}

// reader changes one batch at a time. A record that can not be changed parts its batch: those before it come first, then the error,
// and then the rest.
type reader struct {
	source.Reader
	slice  partition.Slice
	editor *Editor

	damage *source.DamagedError // to be told next
	rest   *record.Batch        // behind the damage, not changed yet
}

var errDigests = errors.New("the source gives digests instead of records, which no step can change")

// Next is source.Reader's.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if d := r.damage; d != nil {
		r.damage = nil
		return nil, d
	}
	b := r.rest
	if r.rest = nil; b == nil {
		var err error
		if b, err = r.Reader.Next(ctx); err != nil {
			return nil, err
		}
	}
	if b.Digests != nil {
		b.Release()
		return nil, errDigests
	}
	n, why := r.change(b)
	if why == nil {
		return b, nil
	}
	bad := b
	var front *record.Batch
	if n > 0 {
		front = b.Split(n)
	}
	d := &source.DamagedError{Object: objectAt(r.slice, bad.Records[0].Offset), Offset: bad.Records[0].Offset, Next: bad.Records[0].Offset + 1, Code: why.Code, Err: why}
	if len(bad.Records) == 1 {
		bad.Release()
	} else {
		bad.Bytes -= bad.SizeOf(0)
		bad.Records = bad.Records[1:]
		r.rest = bad
	}
	if front == nil {
		return nil, d
	}
	r.damage = d
	return front, nil
}

// change changes the values of b in their order. It returns how many records were done, and why the next one was not.
func (r *reader) change(b *record.Batch) (n int, why *Refused) {
	var buf *record.Buffer
	defer func() {
		if buf == nil {
			return
		}
		free := b.Free
		b.Free = func() {
			if free != nil {
				free()
			}
			buf.Done()
		}
	}()
	for i := range b.Records {
		rec := &b.Records[i]
		if rec.Value == nil {
			continue
		}
		if buf == nil {
			buf = record.NewBuffer(int(min(b.Bytes+b.Bytes/4, maxBuffer)))
		}
		// When it has no room the buffer gets other memory. Values that were made before stay in the old one, which nobody uses again.
		from := len(buf.B)
		out, changed, err := r.editor.Append(buf.B, rec.Value)
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

// Close ends reading.
func (r *reader) Close() error {
	if r.rest != nil {
		r.rest.Release()
		r.rest = nil
	}
	return r.Reader.Close()
}

// objectAt names the object that holds a position, "" where the slice has none. Objects are in order of Base.
func objectAt(slice partition.Slice, at partition.Offset) string {
	i := sort.Search(len(slice.Objects), func(i int) bool { return slice.Objects[i].Base > at })
	if i == 0 {
		return ""
	}
	return slice.Objects[i-1].Key
}
