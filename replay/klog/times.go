package klog

import (
	"context"
	"math"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Stamp is the first record whose timestamp is not below the one asked for. Offset is -1 when there is none.
type Stamp struct {
	Offset      int64
	TimestampMs int64
}

// At returns, for each partition, the first committed record whose timestamp is at least the one that is asked for, in Kafka
// milliseconds.
func At(ctx context.Context, cl *kgo.Client, topic string, times map[int32]int64) (map[int32]Stamp, error) {
	if len(times) == 0 {
		return nil, nil
	}
	return listAt(ctx, cl, topic, times, readCommitted)
}

// NoTime stands for the timestamp of a record that has none.
const NoTime int64 = -1

// newestPrecision is how far below the truth NewestUpTo may be, in milliseconds.
const newestPrecision = 1000

// NewestUpTo returns, for each partition, the newest timestamp among the records up to and with the one at the given offset,
// exact or up to a second too old; NoTime when none of them has a timestamp. Kafka deletes from the start and whole segments,
// so the record can not go before that timestamp has expired. No record is read for it: the right to describe is enough.
//
// Offsets by time are asked for, and times bisected: the first record that is not older than t lies at or before the offset
// exactly as long as t is not above what is looked for.
func NewestUpTo(ctx context.Context, cl *kgo.Client, topic string, offsets map[int32]int64, nowMs int64) (map[int32]int64, error) {
	out := make(map[int32]int64, len(offsets))
	type span struct{ low, high int64 } // low is the time of a record in reach; high is above all of them, 0 for not known yet
	open := map[int32]span{}
	ask := map[int32]int64{}
	for n := range offsets {
		out[n], ask[n] = NoTime, 0
	}
	for len(ask) > 0 {
		found, err := At(ctx, cl, topic, ask)
		if err != nil {
			return nil, err
		}
		next := map[int32]int64{}
		for n, t := range ask {
			s, known := open[n]
			got := found[n]
			if reached := got.Offset >= 0 && got.Offset <= offsets[n]; reached {
				s.low = max(t, got.TimestampMs)
			} else if !known {
				continue // not one timestamp up to there
			} else {
				s.high = t
			}
			out[n] = s.low
			open[n] = s
			switch {
			case s.high == 0 && s.low > math.MaxInt64/4: // no clock is that wrong: a number that is no time
			case s.high == 0:
				// Above now lie only records of clocks that are wrong: look ahead in steps that double.
				next[n] = max(nowMs, s.low) + 1 + max(0, s.low-nowMs)
			case s.high-s.low > newestPrecision:
				next[n] = s.low + (s.high-s.low)/2
			}
		}
		ask = next
	}
	return out, nil
}
