package archive

import (
	"context"
	"fmt"
	"iter"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/source"
)

// What the archive has already. The trap is a topic that was deleted and created again: its offsets begin anew, so the old
// topic's objects seem to cover them. One archive prefix therefore holds one topic id, and one object is asked for it.

// Listed is an archive object in a listing.
type Listed struct {
	Name Name
	Info bucket.Info
}

// List streams the objects of one partition by first offset. Other names under the prefix are an error: somebody writes into
// the archive.
func List(ctx context.Context, b bucket.Bucket, topic string, part int32) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for in, err := range b.List(ctx, Prefix(topic, part)) {
			var n Name
			if err == nil {
				n, err = ParseName(in.Key)
			}
			if !yield(Listed{Name: n, Info: in}, err) || err != nil {
				return
			}
		}
	}
}

// ReadFooter reads and checks the footer of one object of size bytes. An object that is damaged gives ErrCorrupt.
func ReadFooter(ctx context.Context, b bucket.Bucket, key, etag string, size int64) (*Footer, error) {
	if size < HeadLen+TrailerLen {
		return nil, fmt.Errorf("%s: %w: %d bytes", key, ErrCorrupt, size)
	}
	// Most footers fit into the first read.
	tail, err := b.GetRange(ctx, key, etag, -min(size, firstTail), min(size, firstTail))
	if err != nil {
		return nil, err
	}
	n, err := TailLen(tail)
	if err == nil && n > int64(len(tail)) && n <= size-HeadLen {
		if tail, err = b.GetRange(ctx, key, etag, -n, n); err != nil {
			return nil, err
		}
	}
	f, err := DecodeTail(tail, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if got := f.Name().Key(); got != key {
		return nil, fmt.Errorf("%s: %w: it holds %s", key, ErrCorrupt, got)
	}
	return f, nil
}

// firstTail is how many bytes ReadFooter reads at first: the footer of some 900 batches.
const firstTail = 64 << 10

// missing returns what of the wanted range no object holds. Between two objects there may be nothing but markers; that can
// not be seen in a listing, so such places are among what is missing and are found empty when they are read.
func (c *copier) missing(ctx context.Context) (partition.Ranges, error) {
	want := c.out.Range
	var todo []partition.Range
	next := want.From
	asked := false
	for o, err := range List(ctx, c.b, c.topic.Name, c.part) {
		if err != nil {
			return nil, err
		}
		if !asked {
			asked = true
			f, err := ReadFooter(ctx, c.b, o.Info.Key, o.Info.ETag, o.Info.Size)
			if err != nil {
				return nil, err
			}
			if f.TopicID != c.topic.ID {
				return nil, fmt.Errorf("%s holds records of the topic with id %s, the topic has id %s now; archive into another prefix: %w",
					c.b.URL(), f.TopicID, c.topic.ID, source.ErrRecreated)
			}
		}
		have := partition.Range{From: o.Name.First, To: o.Name.Last + 1}
		if !have.Overlaps(want) {
			continue
		}
		c.out.Present++
		if have.From > next {
			todo = append(todo, partition.Range{From: next, To: have.From})
		}
		next = max(next, have.To)
	}
	return partition.Normalize(append(todo, partition.Range{From: next, To: want.To})), nil
}
