package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// A file of one partition: windows, then what they are and what vouches for them. FORMATS.md has the bytes.

const (
	magic     = "BSTLEDGR"
	version   = 1
	headLen   = len(magic) + 2 // magic and version
	tailLen   = 8 + crc32.Size + len(magic)
	maxFooter = 1 << 30
)

// errVersion says that another program line wrote the file.
var errVersion = errors.New("ledger of another version")

// The two sides, as the table of windows numbers them.
const (
	referenceSide = 0
	targetSide    = 1
)

// anchors are what a file says of itself, in JSON.
type anchors struct {
	Comparison string        `json:"comparison"`
	Partition  int32         `json:"partition"`
	Fields     record.Fields `json:"fields"`    // that were compared
	Canonical  int           `json:"canonical"` // version of the canonical form
	Reference  anchor        `json:"reference"`
	Target     anchor        `json:"target"`
	Schemas    *schemas      `json:"schemas,omitempty"` // nil when names of schemas are bytes
}

// schemas is what each side's registry said of the schemas that records name. It counts for both sides at once: whether a key is compared
// hangs on both.
type schemas struct {
	Reference *schema.Learnt `json:"reference"`
	Target    *schema.Learnt `json:"target"`
}

// anchor is what vouches for the windows of one side: a log, or objects.
type anchor struct {
	Log     *logAnchor `json:"log,omitempty"`
	Objects []object   `json:"objects,omitempty"`
}

// logAnchor is a partition of a topic when its windows were read.
type logAnchor struct {
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`
	ID      string `json:"id"`
	Start   int64  `json:"start"` // of the log
	End     int64  `json:"end"`   // of the windows: all of them lie below
	Epoch   int32  `json:"epoch"` // of the leader, or of the last record below End where that is known
}

// object is one of an archive, by what says that it is the same and yields the same positions.
type object struct {
	Key   string           `json:"key"`
	ETag  string           `json:"etag"`
	Size  int64            `json:"size"`
	Base  partition.Offset `json:"base"`
	Count int64            `json:"count"`
	// From and To are the positions that it can hold, where that can be told; both zero where not.
	From partition.Offset `json:"from"`
	To   partition.Offset `json:"to"`
}

// contents are all of a file but the entries of its windows.
type contents struct {
	anchors
	windows [2][]window // by side, ascending and disjoint
}

// openFile reads a ledger file. A file that is not there gives os.ErrNotExist. The caller closes the file.
func openFile(path string) (*os.File, *contents, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	var c *contents
	if err == nil {
		c, err = readContents(f, info.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, c, nil
}

// readContents reads head, tail and footer of a file of that many bytes.
func readContents(f io.ReaderAt, size int64) (*contents, error) {
	if size < int64(headLen+tailLen) {
		return nil, fmt.Errorf("%d bytes: %w", size, ErrDamaged)
	}
	head, tail := make([]byte, headLen), make([]byte, tailLen)
	_, err := f.ReadAt(head, 0)
	_, terr := f.ReadAt(tail, size-int64(tailLen))
	if err := errors.Join(err, terr); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("it does not begin like one: %w", ErrDamaged)
	}
	if v := binary.BigEndian.Uint16(head[len(magic):]); v != version {
		return nil, fmt.Errorf("version %d, this program knows %d: %w", v, version, errVersion)
	}
	if string(tail[tailLen-len(magic):]) != magic {
		return nil, fmt.Errorf("it is cut short: %w", ErrDamaged)
	}
	length := binary.BigEndian.Uint64(tail)
	room := size - int64(headLen+tailLen)
	if length > maxFooter || int64(length) > room {
		return nil, fmt.Errorf("footer of %d bytes in a file of %d: %w", length, size, ErrDamaged)
	}
	footer := make([]byte, length)
	if _, err := f.ReadAt(footer, size-int64(tailLen)-int64(length)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if crc32.Checksum(footer, castagnoli) != binary.BigEndian.Uint32(tail[8:]) {
		return nil, fmt.Errorf("the footer's checksum does not fit: %w", ErrDamaged)
	}
	c, err := decodeFooter(footer, int64(headLen)+room-int64(length))
	if err != nil {
		return nil, err
	}
	for side := range c.windows {
		for i := range c.windows[side] {
			c.windows[side][i].file = f
		}
	}
	return c, nil
}

// encodeFooter is the anchors and the table of windows.
func encodeFooter(c *contents) ([]byte, error) {
	text, err := json.Marshal(&c.anchors)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	out = append(out, text...)
	for side := range c.windows {
		out = binary.AppendUvarint(out, uint64(len(c.windows[side])))
		for i := range c.windows[side] {
			w := &c.windows[side][i]
			out = binary.AppendVarint(out, w.Range.From)
			out = binary.AppendUvarint(out, uint64(w.Range.Len()))
			out = binary.AppendUvarint(out, uint64(w.Records))
			out = binary.AppendUvarint(out, uint64(w.Bytes))
			out = binary.AppendVarint(out, w.MinMs)
			out = binary.AppendVarint(out, w.MaxMs)
			sum := w.Sum.Bytes()
			out = append(out, sum[:]...)
			out = binary.AppendUvarint(out, uint64(w.at))
			out = binary.AppendUvarint(out, uint64(w.size))
		}
	}
	return out, nil
}

// leastWindow is what a window takes in the table at least.
const leastWindow = 8 + 16

// decodeFooter reads what encodeFooter wrote. end is where the windows' entries end in the file.
func decodeFooter(raw []byte, end int64) (*contents, error) {
	if len(raw) < 4 || uint64(binary.BigEndian.Uint32(raw)) > uint64(len(raw)-4) {
		return nil, fmt.Errorf("a footer of %d bytes: %w", len(raw), ErrDamaged)
	}
	length := binary.BigEndian.Uint32(raw)
	c := &contents{}
	d := json.NewDecoder(bytes.NewReader(raw[4 : 4+length]))
	d.DisallowUnknownFields()
	if err := d.Decode(&c.anchors); err != nil {
		return nil, fmt.Errorf("anchors: %w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("anchors: something stands behind them: %w", ErrDamaged)
	}
	s := &scanner{rest: raw[4+length:]}
	for side := range c.windows {
		n := s.uint()
		if s.short || n > uint64(len(s.rest)/leastWindow) {
			return nil, fmt.Errorf("a table of %d windows in %d bytes: %w", n, len(s.rest), ErrDamaged)
		}
		c.windows[side] = make([]window, n)
		last := int64(math.MinInt64)
		for i := range c.windows[side] {
			w := &c.windows[side][i]
			if err := s.window(w, end); err != nil {
				return nil, fmt.Errorf("window %d: %w", i, err)
			}
			if w.Range.From < last {
				return nil, fmt.Errorf("window %d begins before the one before ends: %w", i, ErrDamaged)
			}
			last = w.Range.To
		}
	}
	if len(s.rest) > 0 {
		return nil, fmt.Errorf("%d bytes behind the table: %w", len(s.rest), ErrDamaged)
	}
	return c, nil
}

// window reads one line of the table.
func (s *scanner) window(w *window, end int64) error {
	w.Range.From = s.int()
	length, records, bytes := s.uint(), s.uint(), s.uint()
	w.MinMs, w.MaxMs = s.int(), s.int()
	var sum [16]byte
	copy(sum[:], s.bytes(16))
	at, size := s.uint(), s.uint()
	switch {
	case s.short:
		return fmt.Errorf("the table is cut short: %w", ErrDamaged)
	case length == 0 || length > math.MaxInt64 || w.Range.From > math.MaxInt64-int64(length):
		return fmt.Errorf("it begins at %d and is %d long: %w", w.Range.From, length, ErrDamaged)
	case records > windowRecords || records > length || bytes > math.MaxInt64:
		return fmt.Errorf("%d records of %d bytes at %d positions: %w", records, bytes, length, ErrDamaged)
	case at < uint64(headLen) || at > uint64(end) || size > uint64(end)-at:
		return fmt.Errorf("its entries lie at %d, %d bytes: %w", at, size, ErrDamaged)
	}
	w.Range.To = w.Range.From + int64(length)
	w.Records, w.Bytes, w.Sum = int64(records), int64(bytes), record.SumFromBytes(sum)
	w.at, w.size = int64(at), int64(size)
	return nil
}
