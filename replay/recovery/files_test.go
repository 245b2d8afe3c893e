package recovery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

const filesText = `
apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: orders-files}
spec:
  source: {dir: {path: /archive}}
  target: {dir: {path: /lake, topic: orders%s}}
`

// ofFiles has n records in one partition that a target of files lacks.
func ofFiles(n int64) *world {
	w := newWorld()
	w.target, w.state, w.objects = gaptest.New(1), recovery.State{Kind: "dir", Topic: "orders"}, map[int32][]partition.Object{}
	rs := make([]record.Record, n)
	for i := range rs {
		rs[i] = record.Record{Offset: int64(i), TimestampMs: base + int64(i), Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v")}
	}
	w.ref.Records = map[int32][]record.Record{0: rs}
	return w
}

// Scenario S28: a plan says how many files it leaves, warns of many small ones with what to change, and is not made where a partition would
// get more than one can well have.
func TestS28APlanSaysHowManyFilesItLeaves(t *testing.T) {
	for _, c := range []struct {
		records int64
		target  string
		more    string
		said    string // in the check
		note    string // in the warning, "" for none
		next    string // of the refusal, "" for none
	}{
		{records: 900, more: "  write: {commitRecords: 1}\n", said: "about 900 files"},
		{records: 2000, said: "about 1 file"},
		{records: 1500, more: "  write: {commitRecords: 1}\n", said: "about 1,500 files", note: "raise spec.write.commitRecords"},
		{records: 1500, more: "  slices: {records: 1}\n", said: "about 1,500 files", note: "raise spec.slices.records"},
		{records: 10_001, more: "  write: {commitRecords: 1}\n", next: "raise spec.write.commitRecords"},
	} {
		r, err := spec.Parse("job.yaml", []byte(fmt.Sprintf(filesText, c.target)+c.more), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := recovery.Build(t.Context(), r, ofFiles(c.records), options())
		var bad *recovery.Error
		if errors.As(err, &bad) != (c.next != "") || bad != nil && (bad.Code != recovery.CodeFiles || !strings.Contains(bad.Next(), c.next)) {
			t.Errorf("%d records%s: got %v, want a refusal that says %q", c.records, c.more, err, c.next)
			continue
		}
		if bad != nil {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(p.Checks, func(k recovery.Check) bool { return k.Name == "files" && strings.HasPrefix(k.Text, c.said+" ") }) {
			t.Errorf("%d records: got checks %+v, want one that says %s", c.records, p.Checks, c.said)
		}
		i := slices.IndexFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteFiles })
		if (i >= 0) != (c.note != "") || i >= 0 && !strings.Contains(p.Notes[i].Text, c.note) {
			t.Errorf("%d records: got notes %+v, want %q", c.records, p.Notes, c.note)
		}
	}
}
