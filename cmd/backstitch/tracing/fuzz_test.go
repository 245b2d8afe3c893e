package tracing

import (
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzAnswer reads what collectors answer, which is any bytes. Of a whole answer the number is read exactly, whatever unknown fields stand around it.
func FuzzAnswer(f *testing.F) {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3)
	f.Add([]byte{}, uint32(3))
	f.Add(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial), uint32(0))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, uint32(math.MaxUint32))
	f.Add([]byte{0x0b, 0x0b, 0x0b, 0x0c}, uint32(1))
	f.Fuzz(func(t *testing.T, answer []byte, spans uint32) {
		_ = refused(answer)
		count := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(spans))
		count = protowire.AppendString(protowire.AppendTag(count, 2, protowire.BytesType), "why")
		whole := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), answer)
		whole = protowire.AppendBytes(protowire.AppendTag(whole, 1, protowire.BytesType), count)
		whole = protowire.AppendVarint(protowire.AppendTag(whole, 9, protowire.VarintType), uint64(spans))
		if got := refused(whole); got != int64(spans) {
			t.Errorf("got %d spans, want %d", got, spans)
		}
	})
}
