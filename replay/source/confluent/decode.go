package confluent

import (
	"context"
	"errors"
	"io"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// decoder pairs the values of a file with the lines, or datums, of its companions.
type decoder struct {
	foreign.Decoder
	ps pairs
}

// Decode opens a value file and its companions.
func (l *layout) Decode(ctx context.Context, o *foreign.Object) (foreign.Decoder, error) {
	values, err := l.values(o)
	if err != nil || o.Counting || !l.Keys && !l.Headers {
		return values, err
	}
	d := &decoder{Decoder: values}
	for _, want := range []struct {
		kind string
		on   bool
		open func(*foreign.Object) (*companion, error)
	}{{"keys", l.Keys, keys}, {"headers", l.Headers, headers}} {
		if !want.on {
			continue
		}
		c, err := d.ps.open(ctx, o, want.kind, want.open)
		if err != nil {
			d.Close()
			return nil, err
		}
		d.ps.list = append(d.ps.list, c)
	}
	return d, nil
}

func (l *layout) values(o *foreign.Object) (foreign.Decoder, error) {
	switch o.Name.Format {
	case foreign.Avro:
		return o.Avro(l.Values, l.Numbers)
	case foreign.Parquet:
		return o.Parquet(l.Values)
	}
	return o.Values()
}

// Next reads one of each. A value that can not be read takes its key and headers with it.
func (d *decoder) Next(r *record.Record) error {
	err := d.Decoder.Next(r)
	var bad *foreign.Damage
	switch {
	case err == io.EOF:
		if bad := d.ps.finish(); bad != nil {
			return bad
		}
		return err
	case errors.As(err, &bad) && bad.Record:
		for range max(bad.Lost, 1) {
			if err := d.ps.skip(); err != nil {
				return err
			}
		}
		return err
	case err != nil:
		return err
	}
	return d.ps.next(r)
}

// Skip passes over one of each.
func (d *decoder) Skip() error {
	err := d.Decoder.Skip()
	if err == io.EOF {
		if bad := d.ps.finish(); bad != nil {
			return bad
		}
	}
	if err != nil {
		return err
	}
	return d.ps.skip()
}

// Close gives all of them up.
func (d *decoder) Close() {
	d.Decoder.Close()
	d.ps.close()
}
