package objects

import (
	"context"
	"fmt"
	"iter"

	"backstitch/replay/bucket"
)

// A listing is one side, key by key. It is read ahead by a goroutine, so that the pages of both sides travel at the same time.

// object is what one side has under a key.
type object struct {
	bucket.Info                  // of the current version; only Key when there is none
	deleted     bool             // under a delete marker
	older       []bucket.Version // newest first, at most maxOlder; contents only
	count       int64            // of all versions that are not current
}

// maxOlder bounds the versions of one key that are looked at for lost content.
const maxOlder = 16

// listed is an object, or the error that ends a listing.
type listed struct {
	object *object
	err    error
}

// listing is used by one goroutine.
type listing struct {
	side *Side
	in   <-chan listed
	head *object // nil when it must be received, or at the end
	last string  // key of the object before head
	any  bool    // last is meant
	done bool
	err  error // that ended it
}

// pageAhead is how many objects are held ahead: one page.
const pageAhead = 1000

// list starts a listing. The goroutine that feeds it ends with ctx, and closes the channel.
func list(ctx context.Context, b bucket.Bucket, versions bool, side *Side, start func(func() error)) *listing {
	out := make(chan listed, pageAhead)
	start(func() error {
		defer close(out)
		for o, err := range inOrder(stream(ctx, b, versions)) {
			select {
			case out <- listed{o, err}:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	side.URL = b.URL()
	return &listing{side: side, in: out}
}

// peek returns the next object, nil at the end.
func (l *listing) peek() *object {
	if l.head != nil || l.done {
		return l.head
	}
	next, ok := <-l.in
	if !ok || next.err != nil {
		l.done = true
		if l.err = next.err; l.err != nil {
			l.side.Cut = l.err.Error()
		}
		return nil
	}
	l.head = next.object
	return l.head
}

// pop takes the object that peek showed.
func (l *listing) pop() *object {
	o := l.head
	l.head, l.last, l.any = nil, o.Key, true
	if o.deleted {
		l.side.Deleted++
	} else {
		l.side.Objects++
		l.side.Bytes += o.Size
	}
	l.side.Older += o.count
	return o
}

// stream yields the objects of a bucket.
func stream(ctx context.Context, b bucket.Bucket, versions bool) iter.Seq2[*object, error] {
	in, ok := b.(bucket.Inspector)
	if ok && versions {
		return fold(in.Versions(ctx, ""))
	}
	infos := b.List
	if ok {
		infos = in.Objects
	}
	return func(yield func(*object, error) bool) {
		for info, err := range infos(ctx, "") {
			if !yield(&object{Info: info}, err) || err != nil {
				return
			}
		}
	}
}

// fold makes one object of all versions of a key.
func fold(versions iter.Seq2[bucket.Version, error]) iter.Seq2[*object, error] {
	return func(yield func(*object, error) bool) {
		var o *object
		for v, err := range versions {
			if err != nil {
				// The versions of this key may be cut too, and its current one comes first: it is whole as far as it is used.
				if o == nil || yield(o, nil) {
					yield(nil, err)
				}
				return
			}
			if o == nil || o.Key != v.Key {
				if o != nil && !yield(o, nil) {
					return
				}
				// Where no version is the latest, the current one was removed while the listing was under way.
				o = &object{Info: bucket.Info{Key: v.Key}, deleted: true}
			}
			switch {
			case v.Latest && !v.Deleted:
				o.Info, o.deleted = v.Info, false
			case v.Deleted:
			default:
				o.count++
				if len(o.older) < maxOlder {
					o.older = append(o.older, v)
				}
			}
		}
		if o != nil {
			yield(o, nil)
		}
	}
}

// inOrder ends a listing that is not in the order of keys: merging it would call half of it missing.
func inOrder(objects iter.Seq2[*object, error]) iter.Seq2[*object, error] {
	return func(yield func(*object, error) bool) {
		last, any := "", false
		for o, err := range objects {
			if err == nil && any && o.Key <= last {
				err = fmt.Errorf("%q is listed behind %q, which is not the order of keys: %w", o.Key, last, bucket.ErrListingCut)
				o = nil
			}
			if !yield(o, err) || err != nil {
				return
			}
			last, any = o.Key, true
		}
	}
}
