package match

import (
	"context"
	"errors"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// The trap in one pass over two streams: a record that is unmatched now may be matched later, from either side. So nothing is
// called missing before both streams have ended, and whoever counts on the way must count back (Watch.Absent, Watch.Found).

// Reader is one side. source.Reader and sink.Reader satisfy it.
type Reader interface {
	Next(ctx context.Context) (*record.Batch, error)
}

// Watch is told what happens, in the order in which it happens. Any member may be nil. Records and digests are only valid during the call.
type Watch struct {
	// WantReference and WantTarget choose the records that take part. A record that is left out counts nowhere.
	WantReference func(*record.Record) bool
	WantTarget    func(*record.Record) bool
	// Reference is told of each record of the reference that takes part, with its digest under the compared fields.
	Reference func(r *record.Record, d *record.Digest)
	// Target is told of each record of the target that takes part, with its digest.
	Target func(r *record.Record, d *record.Digest)
	// Absent is told that a record of the reference is not matched yet.
	Absent func(r *record.Record)
	// Found is told that the record of the reference at pos, which was absent, is matched by this target record.
	Found func(pos partition.Offset, target *record.Record)
	// Paired is told of each pair, whichever side came first: the position of the reference's record and the offset of the target's.
	// Its error ends the run.
	Paired func(pos partition.Offset, target int64) error
	// Damaged is told what of the reference can not be read. Without it, damage ends the run.
	Damaged func(*source.DamagedError) error
}

func (w *Watch) paired(pos partition.Offset, target int64) error {
	if w.Paired == nil {
		return nil
	}
	return w.Paired(pos, target)
}

// Options say how to compare.
type Options struct {
	Fields record.Fields // what both sides hold
	NewBag NewBag        // nil keeps unmatched records in memory
	Watch  Watch
	// ReferenceFrames and TargetFrames say what stands for the numbers of schemas, of which each side has its own; nil takes them as
	// bytes. Set both or none.
	ReferenceFrames *record.Frames
	TargetFrames    *record.Frames
	// Chains says that the order of each side is asked for, too; it takes a hash more for each record.
	Chains bool
}

// Totals is what one side held of what takes part.
type Totals struct {
	Records int64
	Bytes   int64 // keys, values and headers of the compared fields, our own headers left out
	Sum     record.Sum
	Chain   record.Chain // over all records in the order of this side, under Options.Chains
}

// count adds one record.
func (t *Totals) count(d *record.Digest, chains bool) {
	t.Records++
	t.Bytes += d.Size
	t.Sum.Add(d.Hash)
	if chains {
		t.Chain.Fold(d.Hash)
	}
}

// Outcome is the difference between two streams.
type Outcome struct {
	Reference Totals
	Target    Totals
	// Missing are the positions of the reference's records that the target lacks.
	Missing    Positions
	MissingSum record.Sum
	// MissingBytes is their size, counted like Totals.Bytes.
	MissingBytes int64
	// Holes are stretches inside the reference at which it has no record. The list ends after MaxHoles of them.
	Holes partition.Ranges
	// Surplus holds the target's records that the reference lacks, with their target offsets.
	Surplus      Bag
	SurplusSum   record.Sum
	SurplusBytes int64
	// LastMatched is the largest target offset that was matched, -1 when none was.
	LastMatched int64
	// Unmatched is the largest number of records that waited for their match at one time, both sides together.
	Unmatched int64
}

// MaxHoles bounds Outcome.Holes. Further ones only make Ranges longer.
const MaxHoles = 1 << 18

// Close gives up the surplus.
func (o *Outcome) Close() error {
	if o.Surplus == nil {
		return nil
	}
	return o.Surplus.Close()
}

type run struct {
	opt      Options
	sides    [2]digester // of the reference and the target
	absent   *inOrder    // of the reference
	surplus  *inOrder    // of the target; Outcome.Surplus
	out      *Outcome
	next     partition.Offset // reference position after the last one seen
	started  bool
	ref, tgt Reader
}

// Run reads both sides to their ends and returns their difference. The caller closes the readers and the outcome.
func Run(ctx context.Context, reference, target Reader, opt Options) (_ *Outcome, err error) {
	if opt.NewBag == nil {
		opt.NewBag = NewMemory
	}
	r := &run{opt: opt, ref: reference, tgt: target, out: &Outcome{LastMatched: -1}}
	r.sides[0].h.Frames, r.sides[1].h.Frames = opt.ReferenceFrames, opt.TargetFrames
	bag, err := opt.NewBag()
	if err != nil {
		return nil, err
	}
	r.absent = &inOrder{Bag: bag}
	defer func() { err = errors.Join(err, r.absent.Close()) }()
	if bag, err = opt.NewBag(); err != nil {
		return nil, err
	}
	r.surplus = &inOrder{Bag: bag}
	r.out.Surplus = r.surplus
	if err := r.drain(ctx); err != nil {
		return nil, errors.Join(err, r.out.Close())
	}
	err = r.absent.Each(func(hash [16]byte, pos uint64) error {
		r.out.Missing.Add(partition.Offset(pos))
		r.out.MissingSum.Add(hash)
		return nil
	})
	if err == nil {
		err = r.out.Surplus.Each(func(hash [16]byte, _ uint64) error {
			r.out.SurplusSum.Add(hash)
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, r.out.Close())
	}
	return r.out, nil
}

// drain advances the side with fewer unmatched records until both have ended.
func (r *run) drain(ctx context.Context) error {
	refDone, tgtDone := false, false
	for !refDone || !tgtDone {
		var err error
		switch { // who is still to come finds no match any more, and need not be queued for one
		case tgtDone:
			err = r.absent.alone()
		case refDone:
			err = r.surplus.alone()
		}
		if err != nil {
			return err
		}
		if tgtDone || (!refDone && r.absent.Len() <= r.surplus.Len()) {
			refDone, err = r.reference(ctx)
		} else {
			tgtDone, err = r.target(ctx)
		}
		if err != nil {
			return err
		}
		r.out.Unmatched = max(r.out.Unmatched, r.absent.Len()+r.surplus.Len())
	}
	return nil
}

func (r *run) reference(ctx context.Context) (done bool, err error) {
	batch, err := r.ref.Next(ctx)
	var damaged *source.DamagedError
	switch {
	case err == io.EOF:
		return true, nil
	case errors.As(err, &damaged) && r.opt.Watch.Damaged != nil:
		if err := r.opt.Watch.Damaged(damaged); err != nil {
			return false, err
		}
		r.started = false // what lies in the damage is not a hole
		return false, nil
	case err != nil:
		return false, err
	}
	defer batch.Release()
	w := &r.opt.Watch
	for i := range batch.Records {
		rec := &batch.Records[i]
		if w.WantReference != nil && !w.WantReference(rec) {
			r.started = false // it has a record, so it is no hole
			continue
		}
		r.hole(rec.Offset)
		d := r.sides[0].digest(batch, i, r.opt.Fields)
		r.out.Reference.count(d, r.opt.Chains)
		if w.Reference != nil {
			w.Reference(rec, d)
		}
		var offset uint64
		var ok bool
		if r.surplus.Len() > 0 {
			offset, ok, err = r.surplus.Take(d.Hash)
		}
		if err != nil {
			return false, err
		}
		if ok {
			r.out.SurplusBytes -= d.Size
			r.out.LastMatched = max(r.out.LastMatched, int64(offset))
			if err := w.paired(rec.Offset, int64(offset)); err != nil {
				return false, err
			}
			continue
		}
		if err := r.absent.Add(d.Hash, uint64(rec.Offset)); err != nil {
			return false, err
		}
		r.out.MissingBytes += d.Size
		if w.Absent != nil {
			w.Absent(rec)
		}
	}
	return false, nil
}

// hole notes the positions between the last record and o.
func (r *run) hole(o partition.Offset) {
	if r.started && o > r.next && len(r.out.Holes) < MaxHoles {
		r.out.Holes = append(r.out.Holes, partition.Range{From: r.next, To: o})
	}
	r.next, r.started = o+1, true
}

func (r *run) target(ctx context.Context) (done bool, err error) {
	batch, err := r.tgt.Next(ctx)
	if err == io.EOF {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer batch.Release()
	w := &r.opt.Watch
	for i := range batch.Records {
		rec := &batch.Records[i]
		if w.WantTarget != nil && !w.WantTarget(rec) {
			continue
		}
		d := r.sides[1].digest(batch, i, r.opt.Fields)
		r.out.Target.count(d, r.opt.Chains)
		if w.Target != nil {
			w.Target(rec, d)
		}
		var pos uint64
		var ok bool
		if r.absent.Len() > 0 {
			pos, ok, err = r.absent.Take(d.Hash)
		}
		if err != nil {
			return false, err
		}
		if ok {
			r.out.MissingBytes -= d.Size
			r.out.LastMatched = max(r.out.LastMatched, rec.Offset)
			if w.Found != nil {
				w.Found(partition.Offset(pos), rec)
			}
			if err := w.paired(partition.Offset(pos), rec.Offset); err != nil {
				return false, err
			}
			continue
		}
		if err := r.surplus.Add(d.Hash, uint64(rec.Offset)); err != nil {
			return false, err
		}
		r.out.SurplusBytes += d.Size
	}
	return false, nil
}
