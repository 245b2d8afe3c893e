package archive

import (
	"math"

	"backstitch/replay/klog"

	"github.com/zeebo/xxh3"
)

// Where one object ends and the next begins. Every choice here looks only at the batches since the object's beginning, so
// that whoever copies from the same place cuts at the same places.

// SegmentBytes is the size of batches at which an object ends. It also ends where the offsets cross a multiple of
// SegmentOffsets, which brings copies that began at different places back to the same cuts.
const (
	SegmentBytes   = 8 << 20
	SegmentOffsets = 1 << 17
)

// builder collects batches into one object.
type builder struct {
	topic string
	id    klog.TopicID
	part  int32

	buf    []byte
	foot   Footer
	hashes *xxh3.Hasher
}

func newBuilder(topic string, id klog.TopicID, part int32) *builder {
	b := &builder{topic: topic, id: id, part: part, hashes: xxh3.New()}
	b.reset()
	return b
}

func (b *builder) reset() {
	b.buf = append(b.buf[:0], headMagic[:]...)
	b.foot = Footer{Topic: b.topic, TopicID: b.id, Partition: b.part, MinTime: math.MaxInt64, MaxTime: math.MinInt64}
	b.hashes.Reset()
}

func (b *builder) empty() bool { return len(b.foot.Entries) == 0 }

// endsBefore reports whether the object is complete, given the batch that comes next.
func (b *builder) endsBefore(next *klog.Batch) bool {
	if b.empty() {
		return false
	}
	return len(b.buf)-HeadLen >= SegmentBytes || b.foot.First/SegmentOffsets != next.Header.BaseOffset/SegmentOffsets
}

func (b *builder) add(batch *klog.Batch) {
	h := &batch.Header
	e := Entry{
		Position: int64(len(b.buf)), Length: int32(h.Length), Base: h.BaseOffset, Last: h.LastOffset(), Count: h.Count,
		FirstTime: h.BaseTimestamp, MaxTime: h.MaxTimestamp, CRC: h.CRC, Hash: xxh3.Hash128(batch.Raw).Bytes(),
	}
	f := &b.foot
	if b.empty() {
		f.First = e.Base
	}
	f.Last = e.Last
	f.Records += int64(e.Count)
	f.MinTime = min(f.MinTime, e.FirstTime)
	f.MaxTime = max(f.MaxTime, e.MaxTime)
	if n := len(f.Epochs); n == 0 || f.Epochs[n-1].Epoch != h.LeaderEpoch {
		f.Epochs = append(f.Epochs, Epoch{Epoch: h.LeaderEpoch, From: e.Base})
	}
	f.Entries = append(f.Entries, e)
	b.hashes.Write(e.Hash[:]) //nolint:errcheck // a hash takes everything
	b.buf = append(b.buf, batch.Raw...)
}

// finish returns the object and its footer. The bytes are the builder's until reset.
func (b *builder) finish() ([]byte, *Footer) {
	b.foot.Hash = b.hashes.Sum128().Bytes()
	b.buf = appendTail(b.buf, &b.foot)
	f := b.foot
	return b.buf, &f
}
