package report

import (
	"encoding/hex"
	"fmt"

	"backstitch/fsm"
	"backstitch/replay/record"
)

// Windows are kept apart from the proof. What belongs together is told by the sums, which add up.

// addingUp returns ws in the form of the document, or nil when they are not those of c.
func addingUp(ws []fsm.Window, c fsm.Comparison) []Window {
	var out []Window
	for _, w := range ws {
		out = append(out, Window{
			From: w.Range.From, To: w.Range.To, FromMs: w.FromMs, ToMs: w.ToMs, Filled: w.Filled,
			Expected: windowSide(w.Expected), Actual: windowSide(w.Actual),
		})
	}
	if windowsDisagree(out, c) != nil {
		return nil
	}
	return out
}

func windowSide(s fsm.WindowSide) Side {
	return Side{Records: s.Records, Bytes: s.Bytes, Sum: hex.EncodeToString(s.Sum[:])}
}

// windowsDisagree reports where the windows of a partition are not those of its comparison.
func windowsDisagree(ws []Window, c fsm.Comparison) error {
	if len(ws) == 0 {
		return nil
	}
	if len(ws) > fsm.MaxWindows {
		return fmt.Errorf("it has %d windows, more than %d", len(ws), fsm.MaxWindows)
	}
	var totals [2]fsm.Side
	var sums [2]record.Sum
	for i, w := range ws {
		switch {
		case w.From >= w.To || i > 0 && w.From < ws[i-1].To || w.From < c.Range.From || w.To > c.Range.To:
			return fmt.Errorf("window %d, [%d,%d), is empty, out of order or out of range", i, w.From, w.To)
		case w.Filled < 0 || w.Filled > w.Expected.Records:
			return fmt.Errorf("window %d has %d of %d records filled", i, w.Filled, w.Expected.Records)
		case c.Verdict == fsm.Pass && w.Expected != w.Actual:
			return fmt.Errorf("it passed with different sides in window %d, [%d,%d)", i, w.From, w.To)
		}
		for k, s := range []Side{w.Expected, w.Actual} {
			sum, err := thawHash(s.Sum)
			if err != nil {
				return fmt.Errorf("window %d: %w", i, err)
			}
			totals[k].Records += s.Records
			totals[k].Bytes += s.Bytes
			sums[k].AddSum(record.SumFromBytes(sum))
		}
	}
	for k, want := range []fsm.Side{c.Expected, c.Actual} {
		if totals[k].Records != want.Records || totals[k].Bytes != want.Bytes || sums[k].Bytes() != want.Sum {
			return fmt.Errorf("its windows add up to %d records with sum %x, it has %d with %x", totals[k].Records, sums[k].Bytes(), want.Records, want.Sum)
		}
	}
	return nil
}

// maxWindowDifferences is how many windows of a partition are named.
const maxWindowDifferences = 5

// windowDifferences names the windows of another run that hold something else.
func (c *Comparison) windowDifferences(again []fsm.Window) (out []Difference) {
	if len(c.Windows) == 0 || len(again) == 0 {
		return nil
	}
	if len(c.Windows) != len(again) {
		return []Difference{{c.Partition, "windows", fmt.Sprint(len(c.Windows)), fmt.Sprint(len(again))}}
	}
	for i, was := range c.Windows {
		expected, actual := windowSide(again[i].Expected), windowSide(again[i].Actual)
		if was.Expected == expected && was.Actual == actual {
			continue
		}
		if len(out) == maxWindowDifferences {
			break
		}
		out = append(out, Difference{
			c.Partition, fmt.Sprintf("window %d of %d, reference offsets [%d,%d)", i+1, len(again), was.From, was.To),
			sides(was.Expected, was.Actual), sides(expected, actual),
		})
	}
	return out
}

func sides(expected, actual Side) string {
	if expected == actual {
		return fmt.Sprintf("%d records on both sides", expected.Records)
	}
	return fmt.Sprintf("%d of %d records", actual.Records, expected.Records)
}
