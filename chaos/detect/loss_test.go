package detect

import (
	"math/rand/v2"
	"slices"

	"backstitch/replay/record"
)

// What is lost, and what looks like a loss. A record can be away, or be there as another one: with a header less, a byte or a
// time that differs. The first kind has no trace; of the second there is a surplus on the other side.

// taken draws which of n records are lost. The last keepAtEnd of them are not.
func taken(rng *rand.Rand, n, keepAtEnd int) []bool {
	lost := make([]bool, n)
	n -= keepAtEnd
	if n <= 0 {
		return lost
	}
	run := func(from, length int) {
		for i := from; i < min(n, from+length); i++ {
			lost[i] = true
		}
	}
	for range 1 + rng.IntN(3) {
		switch rng.IntN(6) {
		case 0, 1:
			run(rng.IntN(n), 1+rng.IntN(max(1, n/3)))
		case 2:
			for range 1 + rng.IntN(6) {
				run(rng.IntN(n), 1)
			}
		case 3:
			run(0, 1+rng.IntN(max(1, n/5))) // the head
		case 4:
			length := 1 + rng.IntN(max(1, n/5))
			run(n-length, length) // the tail
		}
	}
	return lost
}

// altered are copies of records that are not lost, of which a few are other ones: what was made of those by mistake.
func altered(rng *rand.Rand, f form, rs []record.Record) []record.Record {
	out := slices.Clone(rs)
	if len(out) == 0 {
		return out
	}
	for range rng.IntN(4) {
		i := rng.IntN(len(out))
		r := clone(out[i])
		switch rng.IntN(5) {
		case 0:
			if n := len(r.Headers); n > 0 {
				at := rng.IntN(n)
				r.Headers = slices.Delete(r.Headers, at, at+1)
			}
		case 1:
			if len(r.Headers) > 1 {
				slices.Reverse(r.Headers) // their order counts
			}
		case 2:
			if n := len(r.Value); n > 0 {
				at := rng.IntN(n)
				if f.bytes || (r.Value[at] >= 'a' && r.Value[at] <= 'z') {
					r.Value[at] ^= 1 // a letter stays one character, so text stays text
				}
			}
		case 3:
			r.TimestampMs++
		case 4:
			if len(r.Key) > 0 {
				r.Key = append(r.Key, 'x')
			}
		}
		out[i] = r
	}
	return out
}

// stirred are records of which some are there twice and some neighbours have changed places: no loss.
func stirred(rng *rand.Rand, rs []record.Record) []record.Record {
	out := slices.Clone(rs)
	for range rng.IntN(3) {
		if len(out) > 1 {
			i := rng.IntN(len(out) - 1)
			out[i], out[i+1] = out[i+1], out[i]
		}
	}
	for range rng.IntN(3) {
		if len(out) > 0 {
			i := rng.IntN(len(out))
			out = slices.Insert(out, i+rng.IntN(len(out)-i), clone(out[i]))
		}
	}
	return out
}

// fate is what became of records that were written together.
type fate int

const (
	plain     fate = iota
	committed      // in a transaction
	aborted        // in a transaction that was rolled back: they were never there
)

// stretch is records that are written together.
type stretch struct {
	records []record.Record
	fate    fate
}

// stretches cuts records into pieces, some in transactions, and puts copies of ghosts between them in transactions that are
// rolled back.
func stretches(rng *rand.Rand, rs, ghosts []record.Record, transactions bool) []stretch {
	var out []stretch
	for len(rs) > 0 {
		n := min(len(rs), 1+rng.IntN(40))
		s := stretch{records: rs[:n]}
		rs = rs[n:]
		if transactions && rng.IntN(3) == 0 {
			s.fate = committed
		}
		out = append(out, s)
		if transactions && len(ghosts) > 0 && rng.IntN(3) == 0 {
			from := rng.IntN(len(ghosts))
			out = append(out, stretch{records: ghosts[from:min(len(ghosts), from+1+rng.IntN(8))], fate: aborted})
		}
	}
	return out
}
