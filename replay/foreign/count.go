package foreign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
)

// count counts the records of each object.
func (a *Archive) count(ctx context.Context, files []*entry) error {
	work := make(chan *entry)
	g, ctx := errgroup.WithContext(ctx)
	for range a.limits.Parallel {
		g.Go(func() error {
			o := &opener{b: a.b, layout: a.layout, limits: &a.limits}
			defer o.close()
			for e := range work {
				if err := a.countOne(ctx, o, e); err != nil {
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

// countOne counts one object. One that was replaced since it was listed is an error; one that is gone is damage, since a
// listing is no moment.
func (a *Archive) countOne(ctx context.Context, o *opener, e *entry) error {
	if e.damage != nil && e.damage.Code == source.CodeGone {
		return nil
	}
	before := e.damage
	t := tally{first: -1, last: -1}
	err := t.read(ctx, o, e.name, e.in.Key, frozen{value: e.in.ETag, companions: e.companions}, a.traits.Own)
	e.records, e.first, e.last = t.records, t.first, t.last
	if err == nil {
		err = claims(e.name, a.traits.Own, t.records, t.first, t.last)
	}
	if err == nil && t.edge != nil {
		err = t.edge
	}
	var damage *Damage
	if _, old := a.b.(bucket.Dated); old && errors.Is(err, source.ErrChanged) && !e.renewed {
		return a.renew(ctx, o, e)
	}
	switch {
	case err == nil:
	case errors.As(err, &damage):
		e.damage = damage
		if damage.untrusted() {
			e.records, e.first, e.last = 0, -1, -1
		}
	case errors.Is(err, source.ErrGone):
		e.damage, e.records, e.first, e.last = &Damage{Code: source.CodeGone, Err: errors.New("it was listed, and is gone")}, 0, -1, -1
	default:
		return err
	}
	if before != nil {
		e.damage = before // a companion is missing, but how many records there are decides where the next object begins
	}
	return nil
}

// renew counts what is there now, where the listing is older than that.
func (a *Archive) renew(ctx context.Context, o *opener, e *entry) error {
	e.renewed = true
	r, in, err := a.b.Get(ctx, e.in.Key, "")
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		// gone meanwhile: the next look says so
	case err != nil:
		return err
	default:
		if err := r.Close(); err != nil {
			return err
		}
		e.in = in
	}
	return a.countOne(ctx, o, e)
}

// Count returns how many records an object holds, -1 when it can not be read.
func (a *Archive) Count(ctx context.Context, n Name, in bucket.Info) (int64, error) {
	o := &opener{b: a.b, layout: a.layout, limits: &a.limits}
	defer o.close()
	e := &entry{name: n, in: in}
	if err := a.countOne(ctx, o, e); err != nil {
		return 0, fmt.Errorf("count records of %s: %w", in.Key, err)
	}
	if e.damage != nil {
		return -1, nil
	}
	return e.records, nil
}

// tally is what an object holds.
type tally struct {
	records     int64
	first, last partition.Offset
	edge        *Damage // of records with positions of their own that lie before all others or behind them, so that no others bound them
}

// read reads an object to its end.
func (t *tally) read(ctx context.Context, o *opener, n Name, key string, f frozen, own bool) error {
	obj, d, err := o.open(ctx, n, key, f, true)
	if err != nil {
		return err
	}
	defer obj.close()
	defer d.Close()
	var r record.Record
	var lead, edge *Damage // of records before all others, and behind those so far
	for {
		if t.records%(1<<12) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !own {
			err = d.Skip()
		} else {
			r = record.Record{}
			err = d.Next(&r)
		}
		if err != nil {
			if err == io.EOF {
				if bad := cmp.Or(lead, edge); own && bad != nil {
					t.edge = &Damage{Code: bad.Code, Err: fmt.Errorf("records at its begin or end: %w", bad.Err)}
				}
				return nil
			}
			if bad := ofRecord(err); bad != nil {
				edge = bad
				continue
			}
			return err
		}
		t.records++
		if !own {
			continue
		}
		if err := follows(t.last, r.Offset); err != nil {
			return err
		}
		if t.first < 0 {
			t.first, lead = r.Offset, edge
		}
		t.last, edge = r.Offset, nil
	}
}

// follows makes sure that records with positions of their own go forward.
func follows(last, next partition.Offset) error {
	switch {
	case next < 0:
		return Foreign("a record has position %d", next)
	case next == math.MaxInt64: // behind which there is no position
		return Foreign("a record has position %d", next)
	case next <= last:
		return Foreign("position %d comes after %d", next, last)
	}
	return nil
}

// claims compares an object with its name.
func claims(n Name, own bool, records int64, first, last partition.Offset) error {
	switch {
	case !own:
		if n.First >= 0 && n.Last >= 0 && records > n.Last-n.First+1 {
			return Foreign("it holds %d records, its name has room for %d", records, n.Last-n.First+1)
		}
		if said := max(n.First, n.Last); records == 0 && said >= 0 {
			return &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("it holds no record, its name says %d", said)}
		}
		return nil
	case records == 0:
		if n.Last >= 0 {
			return &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("it holds no record, its name says up to %d", n.Last)}
		}
		return nil
	case n.First >= 0 && first < n.First:
		return Foreign("its first record is %d, its name says %d", first, n.First)
	case n.Last >= 0 && last > n.Last:
		return Foreign("its last record is %d, its name says %d", last, n.Last)
	case n.Last >= 0 && last < n.Last && n.Digest == "": // with one, the content was compared with it
		return &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("its last record is %d, its name says %d", last, n.Last)}
	}
	return nil
}
