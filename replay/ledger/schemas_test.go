package ledger_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/ledger"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// twin is a world whose two sides stand beside registries of their own: the reference numbers its schemas, the target has their GUIDs in
// headers.
type twin struct {
	*world
	here, there *schematest.Registry
}

func guidOf(n byte) (header []byte, text string) {
	name := record.SchemaName{ByGUID: true, GUID: [16]byte{15: n}}
	return append([]byte{1}, name.GUID[:]...), name.Text()
}

func newTwin(t *testing.T) *twin {
	w := &twin{world: newWorld(t, rand.New(rand.NewPCG(1, 2)), 2), here: schematest.New(t), there: schematest.New(t)}
	for n, text := range []string{`"string"`, `"bytes"`} {
		_, guid := guidOf(byte(n))
		w.here.Put(n, sr.Schema{Schema: text})
		w.there.PutGUID(guid, sr.Schema{Schema: text})
	}
	for p := range w.parts {
		var rs []record.Record
		for i := range int64(300) {
			n, payload := byte(i%2), fmt.Sprintf("order %d/%d", p, i)
			r := record.Record{Offset: i, TimestampMs: w.nextMs + i, Key: fmt.Appendf(nil, "%d", i), Value: append([]byte{0, 0, 0, 0, n}, payload...)}
			rs = append(rs, r)
			if i%50 == 7 {
				continue // lost
			}
			header, _ := guidOf(n)
			r.Value, r.Headers = []byte(payload), []record.Header{{Key: record.ValueSchemaHeader, Value: header}}
			w.target.Append(p, r)
		}
		w.put(p, thing{Object: partition.Object{Count: int64(len(rs))}, to: int64(len(rs)), records: rs})
	}
	return w
}

// with scans with registries that nobody has asked yet.
func (w *twin) with(scan func(gap.Input) (*gap.Report, error)) *gap.Report {
	w.t.Helper()
	in := w.input()
	var sides []*schema.Side
	for _, reg := range []*schematest.Registry{w.here, w.there} {
		transport := &http.Transport{}
		r, err := schema.Open("registry", reg.URL, &http.Client{Transport: transport})
		if err != nil {
			w.t.Fatal(err)
		}
		defer r.Close()
		sides = append(sides, schema.NewSide(r, "orders"))
	}
	schema.Pair(sides[0], sides[1])
	in.ReferenceSchemas, in.TargetSchemas = sides[0], sides[1]
	rep, err := scan(in)
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// sameAs scans without a ledger and with one, and returns how many records are lost and what of them the ledger vouched for.
func (w *twin) sameAs(what string) (lost int64, use *gap.Ledger) {
	w.t.Helper()
	want := w.with(func(in gap.Input) (*gap.Report, error) { return gap.Scan(w.t.Context(), in, config()) })
	got := w.with(func(in gap.Input) (*gap.Report, error) {
		return ledger.New(w.dir).Scan(w.t.Context(), in, config(), w.anchors())
	})
	use, got.Ledger = got.Ledger, nil
	for _, rep := range []*gap.Report{want, got} {
		for i := range rep.Results {
			rep.Results[i].Unmatched = 0
		}
	}
	a, _ := json.MarshalIndent(want, "", " ")
	b, _ := json.MarshalIndent(got, "", " ")
	if diff := cmp.Diff(string(a), string(b)); diff != "" {
		w.t.Fatalf("%s: the scan with a ledger differs (-without +with):\n%s\nledger: %+v", what, diff, use)
	}
	lost, _ = want.Lost()
	return lost, use
}

// TestALedgerBelievesNoOtherSchemas: what was hashed by schema is believed while the registries say what they said then, and never where
// names of schemas are bytes, nor the other way round.
func TestALedgerBelievesNoOtherSchemas(t *testing.T) {
	w := newTwin(t)
	const all = 2 * (300 + 294) // records of both sides
	step := func(what string, wantLost, wantVouched int64, doubt string) {
		t.Helper()
		lost, use := w.sameAs(what)
		var reasons []string
		for _, d := range use.Doubts {
			reasons = append(reasons, d.Reason)
		}
		if lost != wantLost || use.VouchedRecords != wantVouched || !strings.Contains(strings.Join(reasons, "\n"), doubt) {
			t.Errorf("%s: got %d lost, %d vouched for, doubts %v; want %d, %d and %q", what, lost, use.VouchedRecords, reasons, wantLost, wantVouched, doubt)
		}
	}
	step("first", 12, 0, "")
	step("again", 12, all, "")
	_, guid := guidOf(1)
	w.there.PutGUID(guid, sr.Schema{Schema: `"int"`})
	step("a GUID stands for another schema", 300, 0, "says something else")
	step("and still does", 300, all, "")
	w.there.PutGUID(guid, sr.Schema{Schema: `"bytes"`})
	step("it is as it was", 12, 0, "says something else")
	w.here.Register("orders-key", sr.Schema{Schema: `"string"`})
	step("keys have a subject", 12, 0, "orders-key")
	step("and still have", 12, all, "")
	w.here.SetDown(true)
	step("a registry is down", 0, 0, "no answer")
	w.here.SetDown(false)
	step("and back", 12, all, "")

	// The same file under the same name is believed by no comparison of bytes.
	w.same("by bytes")
	if use := w.same("by bytes again"); use.VouchedRecords == 0 {
		t.Errorf("by bytes again: got %+v, want everything vouched for", use)
	}
	step("by schema, after a scan by bytes", 12, 0, "in another way")
}

// TestALedgerKnowsWhatStoodInFront: GUIDs in front of values are among what a ledger was made with, also those that are none.
func TestALedgerKnowsWhatStoodInFront(t *testing.T) {
	w := newTwin(t)
	nobodys, text := guidOf(99)
	at := w.nextMs + 1000
	for p := range w.parts {
		var rs []record.Record
		for i := range int64(100) {
			r := record.Record{Offset: 300 + i, TimestampMs: at + i, Key: fmt.Appendf(nil, "%d", i), Value: append([]byte{0, 0, 0, 0, byte(i % 2)}, "front"...)}
			header, _ := guidOf(byte(i % 2))
			if i%10 == 0 {
				header = nobodys
				r.Value = append(append([]byte{}, nobodys...), "front"...)
			}
			rs = append(rs, r)
			r.Value = append(append([]byte{}, header...), "front"...)
			w.target.Append(p, r)
		}
		w.put(p, thing{Object: partition.Object{Base: 300, Count: 100}, to: 400, records: rs})
	}
	const all = 2 * (400 + 394)
	step := func(what string, wantLost, wantVouched int64, doubt string) {
		t.Helper()
		lost, use := w.sameAs(what)
		var reasons []string
		for _, d := range use.Doubts {
			reasons = append(reasons, d.Reason)
		}
		if lost != wantLost || use.VouchedRecords != wantVouched || !strings.Contains(strings.Join(reasons, "\n"), doubt) {
			t.Errorf("%s: got %d lost, %d vouched for, doubts %v; want %d, %d and %q", what, lost, use.VouchedRecords, reasons, wantLost, wantVouched, doubt)
		}
	}
	step("first", 12, 0, "")
	step("again", 12, all, "")
	w.there.PutGUID(text, sr.Schema{Schema: `"string"`})
	// One side's word is not enough, and which of the two is read first does not matter.
	torn := w.with(func(in gap.Input) (*gap.Report, error) {
		return ledger.New(w.dir).Scan(t.Context(), in, config(), w.anchors())
	})
	if lost, _ := torn.Lost(); lost != 0 || torn.Unknown() != int(w.parts) || torn.Ledger.VouchedRecords != 0 {
		t.Errorf("what was none is one for the target: got %d lost, %d partitions not comparable and %d vouched for, want 0, all, and 0", lost, torn.Unknown(), torn.Ledger.VouchedRecords)
	}
	w.here.PutGUID(text, sr.Schema{Schema: `"string"`})
	step("and for the reference", 12, 2*2*294, "") // of what was read before the first of them
	step("and still is", 12, all, "")
}
