package foreign

import (
	"errors"
	"fmt"
	"io"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// single is an object that is one value and nothing else. Its size is the store's, so one that is cut shows as a read that breaks off.
// What it can not say is whether an empty one was a value of no bytes or none at all.
type single struct {
	o    *Object
	buf  *record.Buffer
	done bool
}

// Single decodes the object as one value.
func (o *Object) Single() Decoder { return &single{o: o, buf: record.NewBuffer(0)} }

// Skip passes over the value without reading it.
func (s *single) Skip() error {
	if s.done {
		return io.EOF
	}
	s.done = true
	return nil
}

// Next reads the object whole.
func (s *single) Next(r *record.Record) error {
	if err := s.Skip(); err != nil {
		return err
	}
	switch size, limit := s.o.Size, int64(s.o.Limits.MaxRecordBytes); {
	case size > limit:
		return &Damage{Code: source.CodeTooLarge, Record: true, Err: fmt.Errorf("%w of %d bytes", errTooLong, limit)}
	case size == 0:
		return &Damage{Code: source.CodeNotRendered, Record: true, Err: errors.New("it is empty, and nothing says whether its value was null or of no bytes")}
	}
	s.buf.Done()
	s.buf = record.NewBuffer(int(s.o.Size))
	s.buf.B = s.buf.B[:s.o.Size]
	if _, err := io.ReadFull(s.o.body, s.buf.B); err != nil {
		if s.o.body.fail != nil {
			err = s.o.body.fail
		}
		return asDamage(err)
	}
	r.Value = s.buf.B
	return nil
}

// Buffer holds the value.
func (s *single) Buffer() *record.Buffer { return s.buf }

// Close gives the buffer up.
func (s *single) Close() { s.buf.Done() }
