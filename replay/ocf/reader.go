package ocf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Cutting an object into blocks. A block is how many records it holds, how long it is, that many bytes, and the object's sync marker.

// Limits bound what reading an object may take.
type Limits struct {
	BlockBytes int // of a block, as it is stored and decompressed
}

// maxBlockRecords bounds how many records a block may say that it holds. Those of known writers hold thousands.
const maxBlockRecords = 1 << 24

// maxVarint is the length of a number, in bytes.
const maxVarint = 10

// readBytes is how much is read at a time.
const readBytes = 256 << 10

// Reader cuts one object into blocks. It is used by one goroutine.
type Reader struct {
	header
	src    io.Reader
	limits Limits
	buf    []byte
	at     int   // of the first byte in buf that was not returned
	before int64 // bytes of the object before buf[0]
	err    error // what src said
	codecs *Codecs
}

// NewReader reads the header of an object: ErrNotContainer, ErrSchema, ErrCodec, ErrLimit, io.ErrUnexpectedEOF, and what src says.
// codecs are decompressors that several readers may use one after the other.
func NewReader(src io.Reader, codecs *Codecs, limits Limits) (*Reader, error) {
	r := &Reader{src: src, limits: limits, codecs: codecs}
	for {
		h, n, err := parseHeader(r.buf)
		switch {
		case err == nil:
			r.header, r.at = h, n
			return r, nil
		case !errors.Is(err, errShort):
			return nil, fmt.Errorf("header: %w", err)
		case len(r.buf) > maxHeaderBytes:
			return nil, fmt.Errorf("a header of more than %d bytes: %w", maxHeaderBytes, ErrLimit)
		}
		// Twice as much each time, so that a long header is not parsed a thousand times.
		if err := r.more(max(len(r.buf), readBytes)); err == io.EOF {
			return nil, fmt.Errorf("header: %w", io.ErrUnexpectedEOF)
		} else if err != nil {
			return nil, err
		}
	}
}

// Schema is the object's.
func (r *Reader) Schema() *Schema { return r.schema }

// Codec is what the blocks are compressed with.
func (r *Reader) Codec() string { return r.codec }

// Block is a run of records.
type Block struct {
	Records int64
	At      int64 // where it begins, in bytes of the object
	stored  []byte
}

// BrokenError says that bytes of an object are no block, or are one of which nothing can be believed. Next goes on behind it.
type BrokenError struct {
	From, To int64 // in bytes of the object
	Err      error
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("bytes %d to %d are no block: %v", e.From, e.To, e.Err)
}
func (e *BrokenError) Unwrap() error { return e.Err }

var errMarker = errors.New("no sync marker is where its length says")

// Next returns the next block, which is valid until Next is called again, and io.EOF after the last. A *BrokenError costs what it names;
// io.ErrUnexpectedEOF says that the object was cut off.
func (r *Reader) Next() (Block, error) {
	r.drop()
	n, size, head, err := r.frame()
	switch {
	case err == io.EOF:
		return Block{}, err
	case err != nil && r.err != nil && r.err != io.EOF:
		return Block{}, r.err
	case errors.Is(err, io.ErrUnexpectedEOF) && !r.markerAhead():
		return Block{}, fmt.Errorf("block at byte %d: %w", r.before+int64(r.at), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Block{}, r.resync(errMarker)
	case err != nil:
		return Block{}, r.resync(err)
	}
	b := Block{Records: n, At: r.before + int64(r.at), stored: r.buf[r.at+head : r.at+head+size]}
	r.at += head + size + MarkerLen
	return b, nil
}

// frame looks at the block that begins at r.at and makes sure that all of it is in r.buf.
func (r *Reader) frame() (records int64, size, head int, err error) {
	if err := r.need(1); err != nil {
		return 0, 0, 0, err // io.EOF between two blocks
	}
	_ = r.need(2 * maxVarint) // the last block may be shorter
	w := walker{b: r.buf, at: r.at}
	records, err = w.long()
	var length int64
	if err == nil {
		length, err = w.long()
	}
	switch {
	case errors.Is(err, errShort):
		return 0, 0, 0, io.ErrUnexpectedEOF
	case err != nil:
		return 0, 0, 0, err
	case records < 0 || length < 0:
		return 0, 0, 0, fmt.Errorf("it says that it holds %d records in %d bytes", records, length)
	case records > maxBlockRecords:
		return 0, 0, 0, fmt.Errorf("it says that it holds %d records: %w", records, ErrLimit)
	case length > int64(r.limits.BlockBytes):
		return 0, 0, 0, fmt.Errorf("it says that it has %d bytes: %w", length, ErrLimit)
	}
	head, size = w.at-r.at, int(length)
	if err := r.need(head + size + MarkerLen); err != nil {
		return 0, 0, 0, io.ErrUnexpectedEOF
	}
	if !bytes.Equal(r.buf[r.at+head+size:r.at+head+size+MarkerLen], r.marker[:]) {
		return 0, 0, 0, errMarker
	}
	return records, size, head, nil
}

// markerAhead reports whether a marker follows in what is left of an object: its end may have been reached by a length that is wrong.
func (r *Reader) markerAhead() bool { return bytes.Contains(r.buf[r.at:], r.marker[:]) }

// resync goes on behind the next marker and says what was passed over.
func (r *Reader) resync(why error) error {
	from := r.before + int64(r.at)
	for {
		if i := bytes.Index(r.buf[r.at:], r.marker[:]); i >= 0 {
			r.at += i + MarkerLen
			return &BrokenError{From: from, To: r.before + int64(r.at), Err: why}
		}
		r.at = max(r.at, len(r.buf)-MarkerLen+1) // a marker may have begun
		r.drop()
		if err := r.more(readBytes); err == io.EOF {
			return fmt.Errorf("byte %d: %w, and no sync marker follows: %w", from, why, io.ErrUnexpectedEOF)
		} else if err != nil {
			return err
		}
	}
}

// drop forgets what was returned. It moves what is left only when that is the smaller part, or many small blocks behind one that is
// said to be large would each move all of it.
func (r *Reader) drop() {
	if r.at < len(r.buf) && r.at < max(readBytes, len(r.buf)/2) {
		return
	}
	r.before += int64(r.at)
	r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
	r.at = 0
}

// need makes sure that n bytes are in r.buf behind r.at.
func (r *Reader) need(n int) error {
	for len(r.buf)-r.at < n {
		if err := r.more(min(n-(len(r.buf)-r.at), readBytes)); err != nil {
			return err
		}
	}
	return nil
}

// more reads about n bytes, or at least one.
func (r *Reader) more(n int) error {
	if r.err != nil {
		return r.err
	}
	n = max(n, readBytes)
	at := len(r.buf)
	if cap(r.buf)-at < n {
		grown := make([]byte, at, max(2*cap(r.buf), at+n))
		copy(grown, r.buf)
		r.buf = grown
	}
	got, err := io.ReadAtLeast(r.src, r.buf[at:at+n], 1)
	r.buf = r.buf[:at+got]
	if err != nil {
		r.err = err
		return err
	}
	return nil
}

// Open decompresses a block and appends it to dst.
func (r *Reader) Open(dst []byte, b Block) ([]byte, error) {
	return r.codecs.open(dst, r.codec, b.stored, r.limits.BlockBytes)
}
