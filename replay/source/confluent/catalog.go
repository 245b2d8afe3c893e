package confluent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
)

// Listing is the archive of one topic as a plan freezes it.
type Listing struct {
	// Objects are the value files by partition, in order of position. A damaged one has Count -1.
	Objects map[int32][]partition.Object
	// Damaged are the objects that could not be read to their end. Offset and Next are positions as in a reader's error.
	Damaged []*source.DamagedError
}

// entry is a value file on its way into a Listing.
type entry struct {
	name       name
	in         bucket.Info
	companions map[string]companion
	lines      int64
	damage     *damageError
}

// Catalog lists the value files of cfg.Topic in b and counts their records, which takes reading them all. parts is nil for
// all partitions. A bucket that holds no file of the topic gives bucket.ErrNotFound.
func Catalog(ctx context.Context, b bucket.Bucket, cfg Config, parts []int32) (*Listing, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	files, err := list(ctx, b, &cfg, parts)
	if err != nil {
		return nil, err
	}
	if err := count(ctx, b, &cfg, files); err != nil {
		return nil, err
	}
	return number(files), nil
}

// list finds value files and their companions.
func list(ctx context.Context, b bucket.Bucket, cfg *Config, parts []int32) ([]*entry, error) {
	var files []*entry
	byStem := map[string]*entry{}
	companions := map[string]map[string]companion{}
	for in, err := range b.List(ctx, cfg.prefix()) {
		if err != nil {
			return nil, fmt.Errorf("list archive of %s: %w", cfg.Topic, err)
		}
		n, ok := cfg.parse(in.Key)
		if !ok || (parts != nil && !slices.Contains(parts, n.partition)) {
			continue
		}
		if n.companion != "" {
			if (n.companion == "keys" && cfg.Keys) || (n.companion == "headers" && cfg.Headers) {
				if companions[n.stem] == nil {
					companions[n.stem] = map[string]companion{}
				}
				companions[n.stem][n.companion] = companion{ext: n.ext, etag: in.ETag}
			}
			continue
		}
		if old := byStem[n.stem]; old != nil {
			return nil, fmt.Errorf("archive of %s: %s and %s hold the same records", cfg.Topic, old.in.Key, in.Key)
		}
		e := &entry{name: n, in: in}
		byStem[n.stem] = e
		files = append(files, e)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("archive of topic %s: no %s file under %s in %s: %w", cfg.Topic, cfg.Format, cfg.prefix(), b.URL(), bucket.ErrNotFound)
	}
	for _, e := range files {
		e.companions = companions[e.name.stem]
		for _, want := range []struct {
			kind string
			on   bool
		}{{"keys", cfg.Keys}, {"headers", cfg.Headers}} {
			if _, ok := e.companions[want.kind]; want.on && !ok {
				e.damage = &damageError{code: source.CodeBadCompanion, err: fmt.Errorf("its .%s file is missing", want.kind)}
			}
		}
	}
	slices.SortFunc(files, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.name.partition, b.name.partition), cmp.Compare(a.name.start, b.name.start), strings.Compare(a.in.Key, b.in.Key))
	})
	return files, nil
}

// count counts the records of each file.
func count(ctx context.Context, b bucket.Bucket, cfg *Config, files []*entry) error {
	work := make(chan *entry)
	g, ctx := errgroup.WithContext(ctx)
	for range cfg.Parallel {
		g.Go(func() error {
			o := &opener{b: b, cfg: cfg}
			defer o.close()
			for e := range work {
				if err := countOne(ctx, o, e); err != nil {
					return fmt.Errorf("count records of %s: %w", e.in.Key, err)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(work)
		for _, e := range files {
			select {
			case work <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return g.Wait()
}

func countOne(ctx context.Context, o *opener, e *entry) error {
	s, err := o.open(ctx, e.in.Key, e.in.ETag, e.name.ext)
	if err == nil {
		defer s.close()
		for {
			if _, err = s.next(); err != nil {
				break
			}
			e.lines++
		}
	}
	var damage *damageError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(lineDamage(err), &damage):
		e.damage = damage
		if damage.code == source.CodeCorrupt {
			e.lines = 0 // a checksum that does not fit vouches for no line before it either
		}
		return nil
	}
	return err
}

// lineDamage gives a line that is too long its code.
func lineDamage(err error) error {
	if errors.Is(err, errLineTooLong) {
		return &damageError{code: source.CodeTooLarge, err: err}
	}
	return err
}

// number gives each file its base.
func number(files []*entry) *Listing {
	l := &Listing{Objects: map[int32][]partition.Object{}}
	var end partition.Offset
	var open *source.DamagedError // of the file before, which reaches to the next base
	for i, e := range files {
		if i > 0 && files[i-1].name.partition != e.name.partition {
			end, open = 0, nil
		}
		base := max(end, e.name.start)
		if open != nil {
			open.Next = base
			open = nil
		}
		obj := partition.Object{Key: e.in.Key, ETag: joinETag(e.in.ETag, e.companions), Size: e.in.Size, Base: base, Count: e.lines}
		end = base + e.lines
		if e.damage != nil {
			obj.Count = -1
			open = &source.DamagedError{Object: e.in.Key, Offset: end, Next: -1, Code: e.damage.code, Err: e.damage.err}
			l.Damaged = append(l.Damaged, open)
			end++ // what can not be read is at least one record
		}
		l.Objects[e.name.partition] = append(l.Objects[e.name.partition], obj)
	}
	return l
}

// companionSample is how many value files Companions looks at. A file and its companions lie side by side in a listing.
const companionSample = 100

// Companions reports which companions the first files of cfg.Topic have. An archive whose connector was told to write them
// only later counts as one without: the comparison then looks at values alone, and says so.
func Companions(ctx context.Context, b bucket.Bucket, cfg Config) (keys, headers bool, err error) {
	values := 0
	for in, err := range b.List(ctx, cfg.prefix()) {
		if err != nil {
			return false, false, fmt.Errorf("list archive of %s: %w", cfg.Topic, err)
		}
		n, ok := cfg.parse(in.Key)
		if !ok {
			continue
		}
		keys = keys || n.companion == "keys"
		headers = headers || n.companion == "headers"
		if n.companion == "" {
			values++
		}
		if (keys && headers) || values == companionSample {
			break
		}
	}
	return keys, headers, nil
}

// Check compares objects with what the bucket has now, companions too: source.ErrChanged, source.ErrGone.
func Check(ctx context.Context, b bucket.Bucket, objects []partition.Object) error {
	probe := func(key, etag string) error {
		r, _, err := b.Get(ctx, key, etag)
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			return fmt.Errorf("%w: %w", source.ErrGone, err)
		case errors.Is(err, bucket.ErrChanged):
			return fmt.Errorf("%w: %w", source.ErrChanged, err)
		case err != nil:
			return err
		}
		return r.Close()
	}
	for _, o := range objects {
		f := splitETag(o.ETag)
		if err := probe(o.Key, f.value); err != nil {
			return err
		}
		for _, c := range f.companions {
			if err := probe(stemOf(o.Key)+c.ext, c.etag); err != nil {
				return err
			}
		}
	}
	return nil
}

// stemOf cuts the extension off a value file's key.
func stemOf(key string) string {
	base, _ := codecOf(key)
	for _, f := range []Format{JSON, Bytes} {
		if stem, ok := strings.CutSuffix(base, "."+string(f)); ok {
			return stem
		}
	}
	return base
}
