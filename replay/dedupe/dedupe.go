// Package dedupe is how only what is missing gets written: it holds what others wrote into a target partition since the
// plan, and answers whether a record of the reference is among it.
//
// Invariants:
//   - The answer is exact. There is no filter that could drop a record because of a collision of 64 bits or fewer; identity
//     is the 128-bit hash of canonical records.
//   - One record in the target stands for one record of the reference. Of three equal records two of which are there, one is
//     written.
//   - Which target records were used up is returned, so that it can be kept with the progress; a new owner must not use one
//     again.
//   - A target record with an origin header stands for the record of that origin only, and only when its content is equal.
//
// What is not here: records of the job itself. The sink leaves them out, and Load does where they say so in their header.
//
// The set itself is storage/spill, which goes to disk beyond a limit.
package dedupe

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/spill"

	"github.com/zeebo/xxh3"
)

// Options say whose records are looked at, and how.
type Options struct {
	Topic     string // of the reference, as origin headers spell it
	Partition int32
	Job       partition.JobID
	Fields    record.Fields    // what both sides hold
	Consumed  partition.Ranges // target offsets that were used up already
	Frames    *record.Frames   // how records are told to be the same; nil takes every part as the bytes that it is
	Spill     spill.Options    // what goes to disk when it is large
}

// Present is what others wrote and nobody has used up yet. It is used by one goroutine.
type Present struct {
	opt    Options
	set    *spill.Multiset // nil while nothing is in it
	hasher record.Hasher
	buf    []byte
	prefix string // of the origins that are ours to take
}

// Load reads r to its end. It closes r.
func Load(ctx context.Context, r sink.Reader, opt Options) (*Present, error) {
	defer r.Close()
	p := &Present{opt: opt, prefix: opt.Topic + "/" + strconv.Itoa(int(opt.Partition)) + "/", hasher: record.Hasher{Frames: opt.Frames}}
	for {
		batch, err := r.Next(ctx)
		if err == io.EOF {
			return p, nil
		}
		if err == nil {
			err = p.add(batch)
			batch.Release()
		}
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("read what is in the target already: %w", err)
		}
	}
}

func (p *Present) add(batch *record.Batch) error {
	for i := range batch.Records {
		r := &batch.Records[i]
		origin, job := Origin(r)
		if job == string(p.opt.Job) || p.opt.Consumed.Contains(r.Offset) {
			continue
		}
		if p.set == nil {
			p.set = spill.New(p.opt.Spill)
		}
		hash := p.hasher.Hash(r, p.opt.Fields)
		if origin != "" {
			hash = p.from(origin, hash)
		}
		if err := p.set.Add(hash, uint64(r.Offset)); err != nil {
			return err
		}
	}
	return nil
}

// from is the identity of a record whose origin is known.
func (p *Present) from(origin string, hash [16]byte) [16]byte {
	p.buf = append(append(append(p.buf[:0], origin...), 0), hash[:]...)
	return xxh3.Hash128(p.buf).Bytes()
}

// Len is the number of records that nobody has used up.
func (p *Present) Len() int64 {
	if p.set == nil {
		return 0
	}
	return int64(p.set.Len())
}

// Take looks for the record of the reference at offset whose hash under Options.Fields is hash, and uses up the record in the
// target that stands for it: its offset there.
func (p *Present) Take(offset partition.Offset, hash [16]byte) (target int64, ok bool, err error) {
	if p.Len() == 0 {
		return 0, false, nil
	}
	v, ok := p.set.Take(p.from(p.prefix+strconv.FormatInt(offset, 10), hash))
	if !ok {
		v, ok = p.set.Take(hash)
	}
	return int64(v), ok, p.set.Err()
}

// Close gives the set's memory and files back.
func (p *Present) Close() error {
	if p.set == nil {
		return nil
	}
	set := p.set
	p.set = nil
	return set.Close()
}

// Origin returns what a refilled record says about itself, "" where it says nothing. The last header of a name counts.
func Origin(r *record.Record) (origin, job string) {
	for i := range r.Headers {
		switch r.Headers[i].Key {
		case sink.OriginHeader:
			origin = string(r.Headers[i].Value)
		case sink.JobHeader:
			job = string(r.Headers[i].Value)
		}
	}
	return origin, job
}
