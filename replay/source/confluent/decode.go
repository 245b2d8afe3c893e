package confluent

import (
	"context"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// decoder pairs the lines of a value file with those of its companions.
type decoder struct {
	*foreign.Pieces
	ps pairs
}

// Decode opens a value file and its companions.
func (l *layout) Decode(ctx context.Context, o *foreign.Object) (foreign.Decoder, error) {
	values, err := o.Values()
	if err != nil || o.Counting || !l.Keys && !l.Headers {
		return values, err
	}
	d := &decoder{Pieces: values}
	for _, want := range []struct {
		kind string
		on   bool
		to   **foreign.Records
	}{{"keys", l.Keys, &d.ps.keys}, {"headers", l.Headers, &d.ps.headers}} {
		if !want.on {
			continue
		}
		if *want.to, err = lines(ctx, o, want.kind); err != nil {
			d.Close()
			return nil, err
		}
	}
	d.End = d.ps.finish
	return d, nil
}

func lines(ctx context.Context, o *foreign.Object, kind string) (*foreign.Records, error) {
	c, err := o.Companion(ctx, kind)
	if err != nil {
		return nil, err
	}
	split := foreign.FullLines
	if c.Name.Format == foreign.Bytes {
		split = foreign.Lines
	}
	rs, err := c.Records(split)
	if err != nil {
		return nil, err
	}
	return &rs, nil
}

// Next reads a line of each. A value that can not be read takes its key and headers with it.
func (d *decoder) Next(r *record.Record) error {
	if err := d.Pieces.Next(r); err != nil {
		if bad, ok := err.(*foreign.Damage); ok && bad.Record {
			if err := d.ps.skip(); err != nil {
				return err
			}
		}
		return err
	}
	return d.ps.next(r)
}

// Skip passes over a line of each.
func (d *decoder) Skip() error {
	if err := d.Pieces.Skip(); err != nil {
		return err
	}
	return d.ps.skip()
}

// Close gives all of them up.
func (d *decoder) Close() {
	d.Pieces.Close()
	d.ps.close()
}
