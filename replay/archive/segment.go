package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"backstitch/replay/kbatch"
	"backstitch/replay/klog"

	"github.com/zeebo/xxh3"
)

// The bytes of one object: header magic, batches, footer, trailer. FORMATS.md has the tables; the numbers here and there
// must not change without a new version. The trap is to trust a length before the hash over it has been checked: DecodeTail
// checks the trailer's magic, bounds the length by what it was given, and then the hash, before it reads a field.

const (
	// HeadLen is the length of the magic that an object begins with.
	HeadLen = 8
	// TrailerLen is the length of the fixed part at the end.
	TrailerLen = 32
	version    = 1
	entryLen   = 68
	epochLen   = 12
	fixedLen   = 84 // of the footer before the topic name
)

var (
	headMagic = [HeadLen]byte{'B', 'S', 'A', 'R', 'C', 'H', '0', '1'}
	tailMagic = [8]byte{'B', 'S', 'A', 'T', 'A', 'I', 'L', '1'}
)

var (
	// ErrCorrupt says that an object is not what was written.
	ErrCorrupt = errors.New("corrupt archive object")
	// ErrVersion says that a newer backstitch wrote the object.
	ErrVersion = errors.New("archive object of a newer version")
	// ErrMore says that the footer is longer than the bytes at hand.
	ErrMore = errors.New("footer is longer than what was read")
)

// Entry is one batch of an object.
type Entry struct {
	Position  int64 // byte in the object
	Length    int32 // bytes
	Base      int64 // first and last offset that the batch takes
	Last      int64
	Count     int32
	FirstTime int64 // milliseconds: of the batch's first record, and the newest in it
	MaxTime   int64
	CRC       uint32 // the batch's own
	Hash      [16]byte
}

// Epoch is the leader epoch from an offset on.
type Epoch struct {
	Epoch int32
	From  int64
}

// Footer is what an object says about itself.
type Footer struct {
	Topic     string
	TopicID   klog.TopicID
	Partition int32
	Records   int64
	First     int64
	Last      int64
	MinTime   int64 // milliseconds: oldest first record of a batch; records further back in a batch may be older
	MaxTime   int64
	Hash      [16]byte // over the hashes of all batches
	Epochs    []Epoch
	Entries   []Entry
}

// Name returns the name that an object with this footer has.
func (f *Footer) Name() Name {
	return Name{Topic: f.Topic, Partition: f.Partition, First: f.First, Last: f.Last, Records: f.Records, Hash: f.Hash}
}

// appendTail appends footer and trailer to an object that ends after its batches.
func appendTail(dst []byte, f *Footer) []byte {
	at := len(dst)
	be := binary.BigEndian
	dst = append(dst, f.TopicID[:]...)
	dst = be.AppendUint32(dst, uint32(f.Partition))
	for _, v := range []int64{f.Records, f.First, f.Last, f.MinTime, f.MaxTime} {
		dst = be.AppendUint64(dst, uint64(v))
	}
	dst = append(dst, f.Hash[:]...)
	dst = be.AppendUint32(dst, uint32(len(f.Epochs)))
	dst = be.AppendUint32(dst, uint32(len(f.Entries)))
	dst = append(dst, byte(len(f.Topic)))
	dst = append(dst, f.Topic...)
	for _, e := range f.Epochs {
		dst = be.AppendUint32(dst, uint32(e.Epoch))
		dst = be.AppendUint64(dst, uint64(e.From))
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		dst = be.AppendUint64(dst, uint64(e.Position))
		dst = be.AppendUint32(dst, uint32(e.Length))
		dst = be.AppendUint64(dst, uint64(e.Base))
		dst = be.AppendUint64(dst, uint64(e.Last))
		dst = be.AppendUint32(dst, uint32(e.Count))
		dst = be.AppendUint64(dst, uint64(e.FirstTime))
		dst = be.AppendUint64(dst, uint64(e.MaxTime))
		dst = be.AppendUint32(dst, e.CRC)
		dst = append(dst, e.Hash[:]...)
	}
	dst = be.AppendUint32(dst, uint32(len(dst)-at))
	dst = be.AppendUint16(dst, version)
	dst = be.AppendUint16(dst, 0)
	sum := xxh3.Hash128(dst[at:]).Bytes()
	dst = append(dst, sum[:]...)
	return append(dst, tailMagic[:]...)
}

// TailLen returns how many bytes at the end of an object DecodeTail needs, from its last TrailerLen bytes.
func TailLen(trailer []byte) (int64, error) {
	if len(trailer) < TrailerLen {
		return 0, fmt.Errorf("%w: %d bytes, too short", ErrCorrupt, len(trailer))
	}
	t := trailer[len(trailer)-TrailerLen:]
	if !bytes.Equal(t[24:], tailMagic[:]) {
		return 0, fmt.Errorf("%w: no magic at the end", ErrCorrupt)
	}
	return int64(binary.BigEndian.Uint32(t)) + TrailerLen, nil
}

// DecodeTail reads the footer from the end of an object of size bytes. tail may begin anywhere before the footer; ErrMore
// means that it begins too late.
func DecodeTail(tail []byte, size int64) (*Footer, error) {
	n, err := TailLen(tail)
	if err != nil {
		return nil, err
	}
	if n > size-HeadLen {
		return nil, fmt.Errorf("%w: footer of %d bytes in an object of %d", ErrCorrupt, n, size)
	}
	if n > int64(len(tail)) {
		return nil, ErrMore
	}
	tail = tail[int64(len(tail))-n:]
	body, trailer := tail[:n-TrailerLen], tail[n-TrailerLen:]
	if sum := xxh3.Hash128(tail[:n-24]).Bytes(); !bytes.Equal(sum[:], trailer[8:24]) {
		return nil, fmt.Errorf("%w: footer hash differs", ErrCorrupt)
	}
	if v := binary.BigEndian.Uint16(trailer[4:]); v != version {
		return nil, fmt.Errorf("%w: %d, this build reads %d", ErrVersion, v, version)
	}
	if reserved := binary.BigEndian.Uint16(trailer[6:]); reserved != 0 {
		return nil, fmt.Errorf("%w: reserved field is %d", ErrCorrupt, reserved)
	}
	return decodeFooter(body, size-n)
}

// decodeFooter reads a footer whose hash fits. What it checks is what a writer with a defect could get wrong.
func decodeFooter(b []byte, batchesEnd int64) (*Footer, error) {
	be := binary.BigEndian
	if len(b) < fixedLen+1 || len(b) < fixedLen+1+int(b[fixedLen]) {
		return nil, fmt.Errorf("%w: footer of %d bytes", ErrCorrupt, len(b))
	}
	i64 := func(at int) int64 { return int64(be.Uint64(b[at:])) }
	f := &Footer{
		TopicID: klog.TopicID(b[:16]), Partition: int32(be.Uint32(b[16:])), Records: i64(20), First: i64(28), Last: i64(36),
		MinTime: i64(44), MaxTime: i64(52), Hash: [16]byte(b[60:76]),
	}
	epochs, entries := int64(be.Uint32(b[76:])), int64(be.Uint32(b[80:]))
	f.Topic = string(b[fixedLen+1 : fixedLen+1+int(b[fixedLen])])
	b = b[fixedLen+1+len(f.Topic):]
	if int64(len(b)) != epochs*epochLen+entries*entryLen || entries == 0 {
		return nil, fmt.Errorf("%w: %d bytes for %d epochs and %d batches", ErrCorrupt, len(b), epochs, entries)
	}
	for range epochs {
		f.Epochs = append(f.Epochs, Epoch{Epoch: int32(be.Uint32(b)), From: i64(4)})
		b = b[epochLen:]
	}
	f.Entries = make([]Entry, entries)
	var records int64
	hashes := xxh3.New()
	pos, last := int64(HeadLen), int64(-1)
	for i := range f.Entries {
		e := &f.Entries[i]
		*e = Entry{Position: i64(0), Length: int32(be.Uint32(b[8:])), Base: i64(12), Last: i64(20), Count: int32(be.Uint32(b[28:])),
			FirstTime: i64(32), MaxTime: i64(40), CRC: be.Uint32(b[48:]), Hash: [16]byte(b[52:68])}
		b = b[entryLen:]
		if e.Position != pos || e.Length < kbatch.HeaderLen || e.Base <= last || e.Last < e.Base || e.Count < 1 {
			return nil, fmt.Errorf("%w: index entry %d", ErrCorrupt, i)
		}
		pos, last = pos+int64(e.Length), e.Last
		records += int64(e.Count)
		hashes.Write(e.Hash[:]) //nolint:errcheck // a hash takes everything
	}
	switch {
	case pos != batchesEnd:
		return nil, fmt.Errorf("%w: batches end at %d, the index says %d", ErrCorrupt, batchesEnd, pos)
	case records != f.Records, f.First != f.Entries[0].Base, f.Last != last, f.Hash != hashes.Sum128().Bytes():
		return nil, fmt.Errorf("%w: totals and index differ", ErrCorrupt)
	}
	return f, nil
}

// CheckBatch compares one batch with its index entry and returns its header. raw is exactly the batch.
func CheckBatch(raw []byte, e *Entry) (kbatch.Header, error) {
	if xxh3.Hash128(raw).Bytes() != e.Hash {
		return kbatch.Header{}, fmt.Errorf("%w: batch at offset %d: hash differs", ErrCorrupt, e.Base)
	}
	h, err := kbatch.ParseHeader(raw)
	if err != nil {
		return h, fmt.Errorf("%w: batch at offset %d: %w", ErrCorrupt, e.Base, err)
	}
	if h.Length != len(raw) || h.BaseOffset != e.Base || h.LastOffset() != e.Last || h.Count != e.Count || h.CRC != e.CRC {
		return h, fmt.Errorf("%w: batch at offset %d: header and index differ", ErrCorrupt, e.Base)
	}
	return h, nil
}

// Verify checks a whole object under its key: name, head, footer, and each batch down to its CRC.
func Verify(key string, object []byte) (*Footer, error) {
	name, err := ParseName(key)
	if err != nil {
		return nil, err
	}
	if len(object) < HeadLen || !bytes.Equal(object[:HeadLen], headMagic[:]) {
		return nil, fmt.Errorf("%s: %w: no magic at the beginning", key, ErrCorrupt)
	}
	f, err := DecodeTail(object, int64(len(object)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if f.Name() != name {
		return nil, fmt.Errorf("%s: %w: it holds %s", key, ErrCorrupt, f.Name().Key())
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		raw := object[e.Position : e.Position+int64(e.Length)]
		h, err := CheckBatch(raw, e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if err := kbatch.CheckCRC(raw, &h); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
		}
	}
	return f, nil
}

// CheckHead compares the first HeadLen bytes of an object with what they must be.
func CheckHead(b []byte) error {
	if !bytes.HasPrefix(b, headMagic[:]) {
		return fmt.Errorf("%w: no magic at the beginning", ErrCorrupt)
	}
	return nil
}
