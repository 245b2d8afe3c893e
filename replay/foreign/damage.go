package foreign

import (
	"errors"
	"fmt"
	"io"

	"backstitch/replay/source"
)

// errBroken is a transport that failed in the middle of an object.
var errBroken = errors.New("connection broke off")

var errTooLong = errors.New("record is longer than the ceiling")

// Damage is what is wrong with an object before it has a position.
type Damage struct {
	Code   string // one of source's codes
	Record bool   // only this record can not be read
	Lost   int64  // or this many, beginning with this one; 0 is one
	Err    error
}

// records is how many records a damage of Record costs.
func (e *Damage) records() int64 { return max(e.Lost, 1) }

func (e *Damage) Error() string { return e.Err.Error() }
func (e *Damage) Unwrap() error { return e.Err }

// Bad is a record that is not what its format says.
func Bad(format string, args ...any) *Damage {
	return &Damage{Code: source.CodeBrokenLine, Record: true, Err: fmt.Errorf(format, args...)}
}

// Foreign is an object that is not what its name says.
func Foreign(format string, args ...any) *Damage {
	return &Damage{Code: source.CodeForeign, Err: fmt.Errorf(format, args...)}
}

// Corrupt is an object whose checksum or structure does not fit.
func Corrupt(format string, args ...any) *Damage {
	return &Damage{Code: source.CodeCorrupt, Err: fmt.Errorf(format, args...)}
}

// asDamage gives a decompressor's error a code.
func asDamage(err error) error {
	var known *Damage
	if errors.Is(err, errBroken) || errors.As(err, &known) {
		return err
	}
	code := source.CodeCorrupt
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		code = source.CodeTruncated
		err = io.ErrUnexpectedEOF
	}
	return &Damage{Code: code, Err: err}
}

// ofRecord returns the damage that err is if it costs a single record, nil otherwise.
func ofRecord(err error) *Damage {
	if err == nil {
		return nil
	}
	var d *Damage
	if errors.As(err, &d) && d.Record {
		return d
	}
	return nil
}

// untrusted reports whether nothing of the object may be believed.
func (e *Damage) untrusted() bool {
	return e.Code == source.CodeCorrupt || e.Code == source.CodeForeign
}
