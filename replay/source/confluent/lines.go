package confluent

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"backstitch/replay/record"
)

// Cutting a stream into lines without copying them. Lines point into a buffer; when it is used up, what is left of it moves to
// a new one, and the old one lives on for as long as a batch holds it.

// blockBytes is how much is read at a time.
const blockBytes = 1 << 20

var errLineTooLong = errors.New("line is longer than the ceiling")

// lines reads lines from src. It is used by one goroutine.
type lines struct {
	src  *bounded // nil when buf holds everything
	buf  *record.Buffer
	off  int   // of the first byte in buf that was not returned
	max  int   // bytes of a line
	err  error // what src said; io.EOF at its end
	skip bool  // leave out blank lines
}

func newLines(src *bounded, maxLine int, skipBlank bool) *lines {
	return &lines{src: src, buf: record.NewBuffer(blockBytes), max: maxLine, skip: skipBlank}
}

// wholeLines is lines over bytes that are all there.
func wholeLines(buf *record.Buffer, maxLine int, skipBlank bool) *lines {
	return &lines{buf: buf, max: maxLine, err: io.EOF, skip: skipBlank}
}

// next returns the next line without its line break. It lies in l.buf, which the caller must Use to keep it beyond the next
// call. A last line without a line break is a line, but only if the stream ended well: the rest of a stream that broke off
// is returned as the error.
func (l *lines) next() ([]byte, error) {
	for {
		b := l.buf.B[l.off:]
		i := bytes.IndexByte(b, '\n')
		switch {
		case i >= 0:
			l.off += i + 1
		case l.err == nil:
			if err := l.fill(); err != nil {
				return nil, err
			}
			continue
		case l.err != io.EOF || len(b) == 0:
			return nil, l.err
		default:
			i = len(b)
			l.off += i
		}
		if i > l.max {
			return nil, fmt.Errorf("%w of %d bytes", errLineTooLong, l.max)
		}
		if l.skip && blank(b[:i]) {
			continue
		}
		return b[:i:i], nil
	}
}

// blank reports whether a line holds nothing but the carriage return of a Windows line break.
func blank(line []byte) bool { return len(line) == 0 || (len(line) == 1 && line[0] == '\r') }

// fill reads more behind the line that has begun, moving it to another buffer first if it is not alone in this one.
func (l *lines) fill() error {
	rest := l.buf.B[l.off:]
	if len(rest) > l.max {
		return fmt.Errorf("%w of %d bytes", errLineTooLong, l.max)
	}
	if l.off > 0 || len(rest) == cap(l.buf.B) {
		next := record.NewBuffer(max(blockBytes, 2*len(rest)))
		next.B = append(next.B, rest...)
		l.buf.Done()
		l.buf, l.off = next, 0
	}
	at := len(l.buf.B)
	n, err := io.ReadFull(l.src, l.buf.B[at:min(cap(l.buf.B), at+blockBytes)])
	l.buf.B = l.buf.B[:at+n]
	if err == io.ErrUnexpectedEOF {
		err = io.EOF // ReadFull's way to say that it met io.EOF: src itself never returns the other
	}
	l.err = err
	return nil
}

func (l *lines) close() { l.buf.Done() }
