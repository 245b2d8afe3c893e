package gap

import (
	"context"
	"errors"

	"backstitch/replay/gap/match"
	"backstitch/replay/record"
)

// A writer that delivers at least once leaves one record in two objects. Matched one to one, the second copy has no partner,
// and whoever calls it missing writes it a second time. Whether it was delivered twice or sent twice can not be known from
// contents, so of equal records only one is called missing, and only if the target has none of them.

// redelivered takes out of what is missing, and of what was compared, the copies of records that are matched or missing already.
func (s *scan) redelivered(ctx context.Context, out *match.Outcome) (err error) {
	if !s.in.Redelivers || out.Missing.Len() == 0 {
		return nil
	}
	// Contents of which every copy is missing, each once. There may be as many as there are losses.
	absent, err := s.newBag()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, absent.Close()) }()
	err = s.eachWanted(ctx, func(r *record.Record, d record.Digest) error {
		if !out.Missing.Contains(r.Offset) {
			return nil
		}
		if _, _, err := absent.Take(d.Hash); err != nil {
			return err
		}
		return absent.Add(d.Hash, 0)
	})
	if err != nil {
		return err
	}
	err = s.eachWanted(ctx, func(r *record.Record, d record.Digest) error {
		if out.Missing.Contains(r.Offset) {
			return nil
		}
		_, _, err := absent.Take(d.Hash)
		return err
	})
	if err != nil {
		return err
	}
	var missing, copies match.Positions
	var bytes int64
	sum := out.Reference.Sum
	records, size := out.Reference.Records, out.Reference.Bytes
	err = s.eachWanted(ctx, func(r *record.Record, d record.Digest) error {
		if !out.Missing.Contains(r.Offset) {
			return nil
		}
		_, first, err := absent.Take(d.Hash)
		if err != nil {
			return err
		}
		if first { // it stays missing, and stands for those that come
			missing.Add(r.Offset)
			bytes += d.Size
			return nil
		}
		copies.Add(r.Offset)
		sum.Sub(d.Hash)
		records, size = records-1, size-d.Size
		s.cells.at(s.column(r)).Missing--
		return nil
	})
	if err != nil || copies.Len() == 0 {
		return err
	}
	out.Missing, out.MissingBytes = missing, bytes
	out.Reference.Sum, out.Reference.Records, out.Reference.Bytes = sum, records, size
	s.totals(out)
	s.res.Redelivered = copies.Len()
	s.res.Compared = s.res.Compared.Minus(copies.Ranges(nil))
	return nil
}

// noteCopies says how many copies were left out.
func (r *Report) noteCopies() {
	var n int64
	for _, p := range r.Results {
		n += p.Redelivered
	}
	if n > 0 {
		r.Facts.Notes = append(r.Facts.Notes, plural(n, "record")+" of the reference equal to others were left out: its writer delivers at least once, and one that was sent twice looks the same")
	}
}

// eachWanted reads the reference once more and calls f with each record that was compared.
func (s *scan) eachWanted(ctx context.Context, f func(*record.Record, record.Digest) error) error {
	return s.again(ctx, func(r *record.Record, d record.Digest) (bool, error) {
		if !s.res.Compared.Contains(r.Offset) {
			return true, nil
		}
		err := f(r, d)
		return err == nil, err
	})
}

func (s *scan) newBag() (match.Bag, error) {
	if s.cfg.NewBag == nil {
		return match.NewMemory()
	}
	return s.cfg.NewBag()
}
