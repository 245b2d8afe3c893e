package delivered

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// An archive as the side that must be complete. The trap is that a source reads over what it has read: of two objects with the
// same offsets it returns one, so that nobody would see what a sink wrote twice. So each object is read by itself.

// archive satisfies sink.Targets, for reading.
type archive struct {
	source.Source
	objects map[int32]gap.Extent

	mu      sync.Mutex
	damaged map[int32][]*source.DamagedError
}

var _ sink.Targets = (*archive)(nil)

func newArchive(src source.Source, objects map[int32]gap.Extent) *archive {
	a := &archive{Source: src, objects: objects, damaged: map[int32][]*source.DamagedError{}}
	for part, e := range objects {
		for _, d := range slices.Concat(e.Damaged, unread(e)) {
			a.damage(part, d)
		}
	}
	return a
}

// Bounds spans all positions that objects have.
func (a *archive) Bounds(_ context.Context, part int32) (start, end int64, err error) {
	e := a.objects[part]
	return e.Range.From, e.Range.To, nil
}

// Settled has nothing to wait for: an object is there whole, or not.
func (a *archive) Settled(ctx context.Context, _ int32) error { return ctx.Err() }

// Read reads what of [from, to) can be read.
func (a *archive) Read(_ context.Context, part int32, from, to int64) (sink.Reader, error) {
	return &reader{a: a, part: part, objects: a.objects[part].Objects, next: from, want: partition.Range{From: from, To: to}}, nil
}

// damage keeps what can not be read; a scan may come by more than once.
func (a *archive) damage(part int32, d *source.DamagedError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, known := range a.damaged[part] {
		if known.Object == d.Object && (known.Offset == d.Offset || known.Offset < 0) {
			return
		}
	}
	a.damaged[part] = append(a.damaged[part], d)
}

// reader is used by one goroutine.
type reader struct {
	a       *archive
	part    int32
	objects []partition.Object // that come after the one that is open
	open    partition.Object
	cur     source.Reader // nil between two
	want    partition.Range
	next    int64
}

// Next returns the next batch.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		if r.cur == nil {
			if len(r.objects) == 0 {
				r.next = r.want.To
				return nil, io.EOF
			}
			r.open, r.objects = r.objects[0], r.objects[1:]
			slice := partition.Slice{Kind: partition.SliceVerify, Partition: r.part, Objects: []partition.Object{r.open}, Ranges: partition.Ranges{r.want}}
			cur, err := r.a.Open(ctx, slice, r.want.From)
			if err = r.lost(err); err != nil {
				return nil, err
			}
			r.cur = cur
			continue
		}
		batch, err := r.cur.Next(ctx)
		var damaged *source.DamagedError
		switch {
		case err == nil:
			r.next = batch.Next
			return batch, nil
		case errors.As(err, &damaged):
			r.a.damage(r.part, damaged)
			continue // the reader goes on behind it
		case err != io.EOF:
			if err = r.lost(err); err != nil {
				return nil, err
			}
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
}

// lost turns an object that went away or changed under the scan into damage: the rest of the archive is compared all the same.
func (r *reader) lost(err error) error {
	if !errors.Is(err, source.ErrGone) && !errors.Is(err, source.ErrChanged) {
		return err
	}
	r.a.damage(r.part, &source.DamagedError{Object: r.open.Key, Offset: -1, Next: -1, Code: source.CodeTruncated, Err: err})
	return nil
}

// Position is where reading has come to.
func (r *reader) Position() int64 { return r.next }

// Close gives the open object up.
func (r *reader) Close() error {
	if r.cur == nil {
		return nil
	}
	err := r.cur.Close()
	r.cur = nil
	return err
}
