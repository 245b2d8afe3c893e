package traffic

import (
	"fmt"
	"iter"
	"math/rand/v2"
)

// Noise makes count events of size bytes each, which do not compress, spread evenly over partitions, 1 ms apart. No two are
// equal. The same seed makes the same events.
func Noise(seed uint64, count int64, partitions int32, size int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
		for n := range count {
			e := Event{
				Partition: int32(n % int64(partitions)), TimestampMs: 1_700_000_000_000 + n,
				Key: fmt.Appendf(nil, "key-%09d", n), Value: make([]byte, size),
			}
			_, _ = random.Read(e.Value) // it never fails
			if !yield(e, nil) {
				return
			}
		}
	}
}
