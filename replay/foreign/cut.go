package foreign

import (
	"bytes"
	"fmt"
	"io"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Cutting a stream into records without copying them. Records point into a buffer; when it is used up, what is left of it
// moves to a new one, and the old one lives on for as long as a batch holds it.

// blockBytes is how much is read at a time.
const blockBytes = 1 << 20

// Split finds the first record in data, which begins where the last one ended. It returns how far the next one begins, and
// the record, nil if there is none in these bytes. advance 0 asks for more data, or says at the end of it that what is left is
// no record. atEnd says that no more will come.
type Split func(data []byte, atEnd bool) (advance int, rec []byte, err error)

// Lines splits at line breaks. A last line without one is a line.
func Lines(data []byte, atEnd bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i:i], nil
	}
	if atEnd {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// FullLines is Lines without blank ones, which may hold the carriage return of a Windows line break.
func FullLines(data []byte, atEnd bool) (int, []byte, error) {
	n, line, err := Lines(data, atEnd)
	if len(line) == 0 || (len(line) == 1 && line[0] == '\r') {
		line = nil
	}
	return n, line, err
}

// cutter cuts records from src. It is used by one goroutine.
type cutter struct {
	src   io.Reader // nil when buf holds everything
	split Split
	buf   *record.Buffer
	off   int   // of the first byte in buf that was not returned
	read  int64 // bytes before buf.B[0]
	max   int   // bytes of a record
	block int   // bytes to read at a time
	err   error // what src said; io.EOF at its end
}

// next returns the next record. It lies in c.buf, which the caller must Use to keep it beyond the next call. The rest of a
// stream that broke off is not a record, and is returned as the error.
func (c *cutter) next() ([]byte, error) {
	for {
		b := c.buf.B[c.off:]
		broke := c.err != nil && c.err != io.EOF
		if len(b) > 0 {
			// A last record that ends with a stream that broke off may be cut: only one that needs nothing behind it is believed.
			n, rec, err := c.split(b, c.err == io.EOF)
			switch {
			case err != nil && !broke:
				return nil, err
			case err == nil && n > 0:
				c.off += n
				if rec != nil {
					return c.checked(rec)
				}
				continue
			}
		}
		switch {
		case c.err == nil:
			if err := c.fill(); err != nil {
				return nil, err
			}
		case len(b) > 0 && !broke:
			return nil, &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("%d bytes at the end are no whole record", len(b))}
		default:
			return nil, c.err
		}
	}
}

func (c *cutter) checked(rec []byte) ([]byte, error) {
	if len(rec) > c.max {
		return nil, c.tooLong()
	}
	return rec, nil
}

func (c *cutter) tooLong() error {
	return &Damage{Code: source.CodeTooLarge, Err: fmt.Errorf("%w of %d bytes", errTooLong, c.max)}
}

// at is how many bytes of the stream were returned or passed over.
func (c *cutter) at() int64 { return c.read + int64(c.off) }

// fill reads more behind the record that has begun, moving it to another buffer first if it is not alone in this one.
func (c *cutter) fill() error {
	rest := c.buf.B[c.off:]
	if len(rest) > c.max {
		return c.tooLong()
	}
	if c.off > 0 || len(rest) == cap(c.buf.B) {
		next := record.NewBuffer(max(c.block, 2*len(rest)))
		next.B = append(next.B, rest...)
		c.buf.Done()
		c.read += int64(c.off)
		c.buf, c.off = next, 0
	}
	at := len(c.buf.B)
	n, err := io.ReadFull(c.src, c.buf.B[at:min(cap(c.buf.B), at+max(c.block, len(rest)))])
	c.buf.B = c.buf.B[:at+n]
	if err == io.ErrUnexpectedEOF {
		err = io.EOF // ReadFull's way to say that it met io.EOF: src itself never returns the other
	}
	c.err = err
	return nil
}

func (c *cutter) close() { c.buf.Done() }
