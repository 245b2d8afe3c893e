package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"backstitch/replay/bucket"
)

// An inventory that lacks some objects of a directory shows a hole there, and whoever reads it looks again. One that lacks a whole
// directory shows nothing at all: a partition, or an hour of all of them, would be taken for one that never was. So the directories that
// the inventory knows are asked which others lie beside them. That takes a request per directory that has some below it, where a listing
// takes one per thousand objects.

// MaxLooks bounds the directories that Complete asks.
const MaxLooks = 1000

// Complete looks which directories below prefix the inventory lacks, and lists those. It is called before the bucket is listed; live is
// what holds the directories now.
func (b *Bucket) Complete(ctx context.Context, live bucket.Browser, prefix string) error {
	inner, known := b.directories(prefix)
	for i, dir := range inner {
		if i == MaxLooks {
			b.unseen = &dir
			break
		}
		for sub, err := range live.Directories(ctx, dir) {
			if err != nil {
				return fmt.Errorf("look which directories inventory %s lacks: %w", b.Date(), err)
			}
			if known[sub] || !strings.HasPrefix(sub, prefix) {
				continue
			}
			if err := b.add(ctx, sub); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(b.infos, func(x, y bucket.Info) int { return strings.Compare(x.Key, y.Key) })
	return nil
}

// Lacked are the directories that Complete has listed, because the inventory lacks them.
func (b *Bucket) Lacked() []string { return b.lacked }

// Unseen is the first directory that Complete did not ask any more, so that nobody knows what the inventory lacks there; nil for none.
func (b *Bucket) Unseen() *string { return b.unseen }

// directories are those below prefix that the inventory knows; inner are those of them that have others below, in order. One that has
// objects alone is not asked: whoever reads it sees a hole there, and asking would list all that it has.
func (b *Bucket) directories(prefix string) (inner []string, known map[string]bool) {
	top := prefix[:strings.LastIndexByte(prefix, '/')+1]
	known, within := map[string]bool{}, map[string]bool{}
	for in := range b.under(prefix) {
		for key := in.Key; ; {
			dir := key[:strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/')+1]
			if len(dir) < len(top) {
				break
			}
			if strings.HasSuffix(key, "/") {
				within[dir] = true
			}
			if key = dir; known[dir] && within[dir] || dir == top {
				break // and so is everything above
			}
			known[dir] = true
		}
	}
	for dir := range within {
		inner = append(inner, dir)
	}
	slices.Sort(inner)
	return inner, known
}

// under are the objects whose keys begin with prefix.
func (b *Bucket) under(prefix string) iter.Seq[bucket.Info] {
	return func(yield func(bucket.Info) bool) {
		i, _ := slices.BinarySearchFunc(b.infos, prefix, func(in bucket.Info, p string) int { return strings.Compare(in.Key, p) })
		for ; i < len(b.infos) && strings.HasPrefix(b.infos[i].Key, prefix); i++ {
			if !yield(b.infos[i]) {
				return
			}
		}
	}
}

// add lists a directory that the inventory lacks. One that has no object is none.
func (b *Bucket) add(ctx context.Context, dir string) error {
	n := len(b.infos)
	for in, err := range b.Bucket.List(ctx, dir) {
		if err != nil {
			return fmt.Errorf("list %s, which inventory %s lacks: %w", dir, b.Date(), err)
		}
		if len(b.infos) == b.max {
			return errors.Join(ErrInventory, fmt.Errorf("it lacks so much that there are more than %d objects: list the bucket instead", b.max))
		}
		b.infos = append(b.infos, in)
	}
	if len(b.infos) > n {
		b.lacked = append(b.lacked, dir)
	}
	return nil
}
