package gap

import "fmt"

// maxDoubts is how many doubts are printed.
const maxDoubts = 5

// Lines say for people how much was vouched for and how much was read, and why what is written down was not believed.
func (l *Ledger) Lines() []string {
	out := []string{fmt.Sprintf("==> ledger %s: %s (%s) vouched for, %s (%s) read", l.Path,
		plural(l.VouchedRecords, "record"), Size(l.VouchedBytes), plural(l.ReadRecords, "record"), Size(l.ReadBytes))}
	for i, d := range l.Doubts {
		if i == maxDoubts {
			out = append(out, fmt.Sprintf("==> ledger: and %d more", len(l.Doubts)-maxDoubts))
			break
		}
		out = append(out, fmt.Sprintf("==> ledger: p%02d %s read: %s", d.Partition, d.Side, d.Reason))
	}
	if l.NotKept != "" {
		out = append(out, "==> ledger: not written: "+l.NotKept)
	}
	return out
}
