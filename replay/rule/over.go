package rule

import (
	"context"
	"errors"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Over returns src without the records that break a rule of set; what passes by is counted by tally. Both may be nil; where both
// are, it is src itself. Closing it closes src.
func Over(src source.Source, set *Set, tally *Tally) source.Source {
	return OverRead(src, set, tally, NewReader)
}

// OverRead is Over for values that are not JSON; reader makes what reads them.
func OverRead(src source.Source, set *Set, tally *Tally, reader func() Reader) source.Source {
	if set == nil && tally == nil {
		return src
	}
	if set == nil {
		set = new(Set)
	}
	return &judged{src, set, tally, reader}
}

type judged struct {
	source.Source
	set    *Set
	tally  *Tally
	reader func() Reader
}

var errDigests = errors.New("the source gives digests instead of records, which no rule can judge")

// Open starts reading slice.
func (j *judged) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := j.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	at := max(cursor, slice.Ranges.Span().From)
	rec := &subject{parser: j.reader()}
	return source.Sift(r, slice, func(b *record.Batch) (int, *source.Refusal, error) {
		if b.Digests != nil {
			return 0, nil, errDigests
		}
		count := j.tally.begin(slice, at)
		n, why := 0, (*source.Refusal)(nil)
		for ; n < len(b.Records) && why == nil; n++ {
			rec.set(slice.Partition, &b.Records[n])
			count.see(rec)
			why = j.set.judge(rec)
			at = b.Records[n].Offset + 1
		}
		if why == nil {
			at = max(at, b.Next)
		} else {
			n--
		}
		return n, why, count.end(at)
	}), nil
}
