package foreign

import (
	"errors"
	"fmt"
	"io"

	"backstitch/replay/parquetfile"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Objects of Parquet. Their footer is at the end, and a row's values lie all over them, so an object is held whole while it is read, and
// one of its row groups decompressed.

// rowParser makes a record of a row.
type rowParser func(*parquetfile.Row, *rendered, *record.Record) error

// table decodes an object of Parquet.
type table struct {
	o     *Object
	f     *parquetfile.File
	row   rowParser
	out   rendered
	holds int64 // bytes that are counted for this object

	group  int // that comes next
	left   int64
	behind int64 // rows of the current group that were passed over and not read
	rows   *parquetfile.Rows
	lost   *Damage // why the rest of the group can not be read
}

// Parquet decodes the object as a table whose rows are values: AsJSON is the one form that a row of several columns has.
func (o *Object) Parquet(as Rendering) (Decoder, error) {
	if as != AsJSON {
		return nil, &Damage{Code: source.CodeNotRendered, Err: fmt.Errorf("its rows have columns, and %q has no form for that", as)}
	}
	return o.table(func(s *parquetfile.Schema) (rowParser, error) {
		return func(row *parquetfile.Row, out *rendered, r *record.Record) (err error) {
			r.Value, err = out.add(func(dst []byte, limit int) ([]byte, error) { return s.AppendJSON(dst, row, limit) })
			return err
		}, nil
	})
}

// ParquetEnvelopes decodes the object as a table whose rows hold whole records.
func (o *Object) ParquetEnvelopes(e Enveloped) (Decoder, error) { return o.table(e.rows) }

func (o *Object) table(open func(*parquetfile.Schema) (rowParser, error)) (Decoder, error) {
	t := &table{o: o, out: rendered{max: o.Limits.MaxRecordBytes, room: o.Limits.MaxObjectBytes, buf: record.NewBuffer(0)}}
	err := t.open()
	if err == nil {
		var s *parquetfile.Schema
		if s, err = t.f.Schema(); err == nil {
			t.row, err = open(s)
		}
	}
	if err != nil {
		t.Close()
		return nil, parquetDamage(err)
	}
	return t, nil
}

// open reads the object whole.
func (t *table) open() error {
	if err := t.hold(t.o.Size); err != nil {
		return err
	}
	text := make([]byte, t.o.Size)
	if _, err := io.ReadFull(t.o.body, text); err != nil {
		if t.o.body.fail != nil {
			err = t.o.body.fail
		}
		return err
	}
	// What a group may take is bounded by itself, and again by hold with all else that is open.
	limits := parquetfile.DefaultLimits()
	limits.GroupBytes = max(min(limits.GroupBytes, t.o.Limits.HeldBytes-t.o.Size), 1)
	var err error
	t.f, err = parquetfile.Open(text, &t.o.opener.parquet, limits)
	return err
}

// hold counts bytes that are held, with those of the other objects that this read has open.
func (t *table) hold(n int64) error {
	held, limit := t.o.opener.held, t.o.Limits.HeldBytes
	if held == nil {
		held = new(int64)
		t.o.opener.held = held
	}
	if n > limit-t.holds {
		return &Damage{Code: source.CodeTooLarge, Err: fmt.Errorf("to read it takes more than %d bytes of memory", limit)}
	}
	if *held+n > limit {
		return fmt.Errorf("objects of Parquet that hold the same positions take more than %d bytes of memory together: they can not be read side by side", limit)
	}
	*held += n
	t.holds += n
	return nil
}

func (t *table) release(n int64) {
	*t.o.opener.held -= n
	t.holds -= n
}

// parquetDamage gives an error of the reader a code, if it is not the transport's.
func parquetDamage(err error) error {
	var known *Damage
	switch {
	case errors.As(err, &known), errors.Is(err, errBroken):
		return err
	case errors.Is(err, parquetfile.ErrNotParquet):
		return Foreign("%w", err)
	case errors.Is(err, parquetfile.ErrLimit):
		return &Damage{Code: source.CodeTooLarge, Err: err}
	case errors.Is(err, parquetfile.ErrCodec):
		return &Damage{Code: source.CodeParquetCodec, Err: err}
	case errors.Is(err, parquetfile.ErrNoForm):
		return &Damage{Code: source.CodeParquetType, Err: err}
	case errors.Is(err, parquetfile.ErrCorrupt):
		return Corrupt("%w", err)
	}
	return asDamage(err)
}

// groupDamage is what is wrong with a row group. Its footer says how many rows it has, so those behind it keep their places.
func groupDamage(group int, err error) *Damage {
	code := source.CodeParquetGroup
	switch {
	case errors.Is(err, parquetfile.ErrLimit):
		code = source.CodeTooLarge
	case errors.Is(err, parquetfile.ErrCodec):
		code = source.CodeParquetCodec
	}
	return &Damage{Code: code, Record: true, Err: fmt.Errorf("row group %d: %w", group, err)}
}

// advance makes sure that the current group has a row left, io.EOF at the end.
func (t *table) advance() error {
	for t.left == 0 {
		t.shut()
		if t.group == t.f.Groups() {
			return io.EOF
		}
		t.left, t.behind, t.lost = t.f.Rows(t.group), 0, nil
		t.group++
	}
	return nil
}

// Skip passes over a row. A group of which none is wanted is not even decompressed.
func (t *table) Skip() error {
	if err := t.advance(); err != nil {
		return err
	}
	t.left--
	t.behind++
	return nil
}

// Next makes a record of the next row.
func (t *table) Next(r *record.Record) error {
	if err := t.advance(); err != nil {
		return err
	}
	row, err := t.next()
	if err != nil {
		return err
	}
	t.left--
	if err := t.out.spent(); err != nil {
		return err
	}
	t.out.fit(0)
	return t.row(row, &t.out, r)
}

// next is the next row. A group that can not be read is lost from there on.
func (t *table) next() (row *parquetfile.Row, err error) {
	if t.lost == nil && t.rows == nil {
		if err := t.unpack(); err != nil {
			return nil, err
		}
	}
	for t.lost == nil {
		if row, err = t.rows.Next(); err != nil {
			t.lost = groupDamage(t.group-1, err)
			break
		}
		if t.behind == 0 {
			return row, nil
		}
		t.behind--
	}
	bad := *t.lost
	bad.Lost, t.left = t.left, 0
	return nil, &bad
}

// unpack opens the current group. What it returns ends the read; damage of the group is in t.lost.
func (t *table) unpack() error {
	rows, err := t.f.Group(t.group - 1)
	if err != nil {
		t.lost = groupDamage(t.group-1, err)
		return nil
	}
	t.rows = rows
	t.out.room -= rows.Size()
	if err := t.hold(rows.Size()); err != nil {
		var damage *Damage
		if !errors.As(err, &damage) {
			return err
		}
		t.lost = &Damage{Code: damage.Code, Record: true, Err: damage.Err}
		t.rows = nil
		return rows.Close()
	}
	return nil
}

// shut gives the current group up.
func (t *table) shut() {
	if t.rows != nil {
		t.release(t.rows.Size())
		t.rows.Close() //nolint:errcheck // it was only read
		t.rows = nil
	}
}

// Buffer holds the value of the last record.
func (t *table) Buffer() *record.Buffer { return t.out.buf }

// Close gives the object up.
func (t *table) Close() {
	t.shut()
	if t.o.opener.held != nil {
		t.release(t.holds)
	}
	t.out.buf.Done()
}
