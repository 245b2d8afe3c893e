package gap

import (
	"context"

	"backstitch/replay/gap/match"
	"backstitch/replay/record"
)

// A writer that delivers at least once leaves one record in two objects. Matched one to one, the second copy has no partner,
// and whoever calls it missing writes it a second time. Whether it was delivered twice or sent twice can not be known from
// contents, so of equal records only one is called missing, and only if the target has none of them.

// redelivered takes out of what is missing, and of what was compared, the copies of records that are matched or missing already.
func (s *scan) redelivered(ctx context.Context, out *match.Outcome) error {
	if !s.in.Redelivers || out.Missing.Len() == 0 {
		return nil
	}
	absent := map[[16]byte]bool{} // contents of which some copy is missing, and whether one stays so
	err := s.eachWanted(ctx, func(r *record.Record, d record.Digest) {
		if out.Missing.Contains(r.Offset) {
			absent[d.Hash] = false
		}
	})
	if err != nil {
		return err
	}
	have := map[[16]byte]bool{}
	err = s.eachWanted(ctx, func(r *record.Record, d record.Digest) {
		if _, ok := absent[d.Hash]; ok && !out.Missing.Contains(r.Offset) {
			have[d.Hash] = true
		}
	})
	if err != nil {
		return err
	}
	var missing, copies match.Positions
	var bytes int64
	sum := out.Reference.Sum
	records, size := out.Reference.Records, out.Reference.Bytes
	err = s.eachWanted(ctx, func(r *record.Record, d record.Digest) {
		if !out.Missing.Contains(r.Offset) {
			return
		}
		if have[d.Hash] || absent[d.Hash] {
			copies.Add(r.Offset)
			sum.Sub(d.Hash)
			records, size = records-1, size-d.Size
			s.cells.at(s.column(r)).Missing--
			return
		}
		absent[d.Hash] = true
		missing.Add(r.Offset)
		bytes += d.Size
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
func (s *scan) eachWanted(ctx context.Context, f func(*record.Record, record.Digest)) error {
	return s.again(ctx, func(r *record.Record, d record.Digest) (bool, error) {
		if s.res.Compared.Contains(r.Offset) {
			f(r, d)
		}
		return true, nil
	})
}
