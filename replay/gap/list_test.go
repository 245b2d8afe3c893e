package gap_test

import (
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// A line of a list fits into a terminal of 120 columns, with numbers as large as those of a day of a busy topic and times that are no
// whole seconds; only what a reason has to say is longer.
func TestAListFits(t *testing.T) {
	at := time.Date(2026, 11, 20, 23, 59, 59, 123_000_000, time.UTC).UnixMilli()
	rep := &gap.Report{
		Dataset: "orders", Set: "g-51c9d2", Columns: "time", Results: []gap.Result{{Partition: 107, Comparable: true}},
		Findings: []gap.Finding{
			{ID: "g-51c9d2.1", Kind: gap.Missing, Partition: 107, Range: partition.Range{To: 36_129_330}, Count: 36_129_330, Bytes: 1023 << 30, FirstMs: at, LastMs: at + 7_200_456},
			{ID: "g-51c9d2.10", Kind: gap.Partly, Partition: 107, Range: partition.Range{To: 9}, Count: 9, Bytes: 9, FirstMs: at - 86_400_000, LastMs: at - 86_400_000 + 400},
			{ID: "g-51c9d2.100", Kind: gap.Duplicate, Partition: 107, Range: partition.Range{To: 9}, Count: 9, Bytes: 9, FirstMs: at, LastMs: at},
		},
	}
	rep.Hold("archive of orders in s3://acme-archive/orders", (30 * 24 * time.Hour).Milliseconds())
	var b strings.Builder
	if err := gap.WriteList(&b, rep, "-f orders.yaml"); err != nil {
		t.Fatal(err)
	}
	rows, _, _ := strings.Cut(b.String(), "\n\n")
	for line := range strings.SplitSeq(rows, "\n") {
		if len(line) > 120 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	want := `FINDING       KIND       PARTITION       RECORDS        SIZE  HELD UNTIL         WHERE
g-51c9d2.1    missing    orders/p107  36,129,330  1023.0 GiB  2026-12-20T23:59Z  2026-11-20T23:59:59Z .. 11-21T02:00:00Z
g-51c9d2.10   partly     orders/p107           9         9 B  2026-12-19T23:59Z  2026-11-19T23:59:59Z .. 11-20T00:00:00Z
g-51c9d2.100  duplicate  orders/p107           9         9 B  -                  2026-11-20T23:59:59Z .. 11-21T00:00:00Z

3 findings (g-51c9d2): 36,129,339 records missing, about 1023.0 GiB.   Twice: 9 (not removed: a log can not be mended in the middle).
To fill from archive of orders in s3://acme-archive/orders: 36,129,339, all of them until 2026-12-19T23:59Z (g-51c9d2.10).
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What a scan of an older program has kept does not say who has the records; then nothing is said for it.
func TestWhoHasTheRecordsMayNotBeKnown(t *testing.T) {
	rep := &gap.Report{Dataset: "orders", Set: "g-51c9d2", Findings: []gap.Finding{{ID: "g-51c9d2.1", Kind: gap.Missing, Count: 1}}}
	if got, want := rep.Summary(""), "From where to fill them is not known.\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %q in it", got, want)
	}
}
