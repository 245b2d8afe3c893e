package reach_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/scan"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/spec"
	"backstitch/replay/throttle"

	"github.com/twmb/franz-go/pkg/sr"
)

// history is a mirror whose scans remember as a book does, in their order.
type history struct {
	*mirror
	watch  *spec.SchemaWatch
	lines  []fsm.DatasetSchema
	survey []byte
}

const (
	seenV1  = `{"type":"record","name":"O","fields":[{"name":"id","type":"int"}]}`
	seenV2  = `{"type":"record","name":"O","fields":[{"name":"id","type":"int"},{"name":"n","type":"int","default":0}]}`
	seenBad = `{"type":"record","name":"O","fields":[{"name":"id","type":"int"},{"name":"n","type":"int"}]}`
)

func newHistory(t *testing.T, expect, mode string) *history {
	h := &history{mirror: newMirror(t), watch: &spec.SchemaWatch{Expect: expect, Mode: mode}}
	if expect == "" {
		h.watch = nil
	}
	return h
}

// put gives both registries a schema under a number, 50 higher in the second, and lists it in the subjects of both topics or not.
func (h *history) put(n byte, text string, listed bool) {
	for from, r := range map[int]*schematest.Registry{0: h.one, 50: h.two} {
		r.Put(from+int(n), sr.Schema{Schema: text})
		if listed {
			r.RegisterAs(map[int]string{0: "orders-value", 50: "orders.copy-value"}[from], from+int(n), sr.Schema{Schema: text})
		}
	}
}

// write adds a record of partition 0 with that schema to both topics.
func (h *history) write(n byte, offset int64) {
	rec := record.Record{Offset: partition.Offset(offset), TimestampMs: 1_795_132_900_000 + offset, Key: []byte("k")}
	rec.Value, _ = byNumber(0)(n, fmt.Sprintf("payload %d", offset))
	h.from.Produce("orders", 0, rec)
	rec.Value, _ = byNumber(50)(n, fmt.Sprintf("payload %d", offset))
	h.to.Produce("orders.copy", 0, rec)
}

// scanPart scans one partition as an agent does, by the recipe, and remembers what it met.
func (h *history) scanPart(id partition.JobID, part int32) []gap.Finding {
	h.t.Helper()
	order, err := scan.Watched(h.spec(true), h.watch)
	if err != nil {
		h.t.Fatal(err)
	}
	s := scan.New(func(*throttle.Limiter) recovery.Clients { return h.clients() }, gap.DefaultConfig(), time.Now)
	work := fsm.Work{Slice: partition.Slice{ID: partition.SliceID{Job: id}, Partition: part}, Recipe: order.Recipe}
	if h.survey == nil { // which says nothing of schemas
		survey, err := s.Survey(h.t.Context(), work)
		if err != nil {
			h.t.Fatal(err)
		}
		h.survey = survey.Header
	}
	work.Survey = h.survey
	for _, l := range h.lines {
		if l.Scan != id {
			work.Schemas = append(work.Schemas, l)
		}
	}
	found, seen, err := s.Scan(h.t.Context(), work, func(int64, int64) {})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range seen {
		known := false
		for _, l := range h.lines {
			known = known || l.Seen.Place == x.Place && l.Seen.Name == x.Name
		}
		if !known {
			h.lines = append(slices.Clip(h.lines), fsm.DatasetSchema{Seen: x, Scan: id})
		}
	}
	p, err := gap.DecodePart(found.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if int64(p.Found) != found.Counts.Findings {
		h.t.Errorf("the book counts %d findings of %d", found.Counts.Findings, p.Found)
	}
	if _, err := gap.Join(gap.Header{Dataset: "orders", Columns: "time"}, []gap.Part{*p}); err != nil {
		h.t.Errorf("with such findings no report can be made: %v", err)
	}
	var out []gap.Finding
	for _, f := range p.Findings {
		if f.Kind == gap.Schema {
			out = append(out, f)
		}
	}
	return out
}

// A first scan notes schemas and says nothing, in whichever partition it meets them; a later one names the change with what was before.
func TestAChangeOfSchemaIsAFinding(t *testing.T) {
	h := newHistory(t, spec.ExpectKnown, "")
	for _, part := range []int32{1, 0} {
		if got := h.scanPart("bs-sa", part); len(got) > 0 {
			t.Errorf("the first scan alarms: %+v", got)
		}
	}
	if len(h.lines) != 4 || h.lines[0].Seen.Place != fsm.ReferenceValue || h.lines[0].Seen.Name != "1" || h.lines[0].Seen.Version != 0 || h.lines[0].Seen.First.Partition != 1 {
		t.Fatalf("the history is %+v", h.lines)
	}
	if got := h.scanPart("bs-sb", 0); len(got) > 0 {
		t.Errorf("nothing has changed: %+v", got)
	}
	h.put(9, seenV1, false)
	h.write(9, 20)
	h.write(9, 21)
	got := h.scanPart("bs-sc", 0)
	if len(got) != 2 {
		t.Fatalf("got %+v, want a finding for each side", got)
	}
	f := got[0]
	if f.Partition != 0 || f.Range != (partition.Range{From: 20, To: 21}) || f.FirstMs != 1_795_132_900_020 || f.Recoverable || f.Schema == nil {
		t.Errorf("got %+v", f)
	}
	if f.Schema.Place != "values of the reference" || f.Schema.New.Name != "9" || f.Schema.Old.Name != "2" || got[1].Schema.New.Name != "59" {
		t.Errorf("got %+v and %+v", f.Schema, got[1].Schema)
	}
	if want := "values of the reference name schema 9 from offset 20 on, and no scan before has met it; before it they named schema 2"; f.Reason != want {
		t.Errorf("got %q, want %q", f.Reason, want)
	}
	if got := h.scanPart("bs-sd", 0); len(got) > 0 {
		t.Errorf("what was told is told again: %+v", got)
	}
}

// What is expected decides. Against one history, each watch looks at the same three new schemas.
func TestWhatIsExpectedOfSchemas(t *testing.T) {
	h := newHistory(t, "", "")
	h.put(1, seenV1, true)
	h.put(2, seenV1+" ", true)
	h.scanPart("bs-sa", 0)
	before := h.lines
	const breaks, unlisted, fits = "9", "10", "11"
	h.put(9, seenBad, true)
	h.put(10, seenV2, false)
	h.put(11, seenV2+" ", true)
	for i := range int64(3) {
		h.write(byte(9+i), 20+i)
	}
	for name, c := range map[string]struct {
		expect, mode, schema string
		says                 string // "" for no finding
	}{
		"nothing":                     {"", "", unlisted, ""},
		"registered, and is":          {spec.ExpectRegistered, "", breaks, ""},
		"registered, and is not":      {spec.ExpectRegistered, "", unlisted, "subject orders-value of registry one does not list it"},
		"compatible, and is":          {spec.ExpectCompatible, "", fits, ""},
		"compatible, not listed":      {spec.ExpectCompatible, "", unlisted, "does not list it"},
		"compatible, and is not":      {spec.ExpectCompatible, "", breaks, "by mode backward it is incompatible with the one before: "},
		"compatible the other way":    {spec.ExpectCompatible, "forward", breaks, ""},
		"compatible, all the earlier": {spec.ExpectCompatible, "full_transitive", breaks, "by mode full_transitive it is incompatible"},
	} {
		h.lines, h.watch = before, nil
		if c.expect != "" {
			h.watch = &spec.SchemaWatch{Expect: c.expect, Mode: c.mode}
		}
		var got []string
		for _, f := range h.scanPart("bs-sb", 0) {
			if f.Schema.New.Name == c.schema {
				got = append(got, f.Reason)
			}
		}
		switch {
		case c.says == "" && len(got) > 0:
			t.Errorf("%s: got %q, want no finding", name, got)
		case c.says != "" && (len(got) != 1 || !strings.Contains(got[0], c.says)):
			t.Errorf("%s: got %q, want %q", name, got, c.says)
		}
	}
}

// What a registry does not tell is neither judged nor kept, so the next scan judges it.
func TestWhatCanNotBeJudgedIsNotKept(t *testing.T) {
	h := newHistory(t, spec.ExpectRegistered, "")
	h.scanPart("bs-sa", 0)
	before := len(h.lines)
	h.put(9, seenV1, false)
	h.write(9, 20)
	h.one.Odd(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost {
			http.Error(w, "no", http.StatusForbidden)
		}
		return req.Method == http.MethodPost
	})
	if got := h.scanPart("bs-sb", 0); len(got) != 1 || got[0].Schema.Place != "values of the target" {
		t.Errorf("got %+v, want the other side's alone", got)
	}
	if len(h.lines) != before+1 {
		t.Errorf("what was not judged is kept: %+v", h.lines[before:])
	}
	h.one.Odd(nil)
	if got := h.scanPart("bs-sc", 0); len(got) != 1 || got[0].Schema.Place != "values of the reference" {
		t.Errorf("got %+v, want it to be judged then", got)
	}
}

// A program that knows nothing of what is expected of schemas does not read past it.
func TestARecipeSaysThatSchemasAreWatched(t *testing.T) {
	m := newMirror(t)
	order, err := scan.Watched(m.spec(true), &spec.SchemaWatch{Expect: spec.ExpectKnown})
	if err != nil {
		t.Fatal(err)
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal(order.Recipe, &head); err != nil || string(head["version"]) != "2" {
		t.Errorf("got version %s, %v, want 2", head["version"], err)
	}
	head["version"] = json.RawMessage("1")
	text, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scan.Spec(text); err == nil {
		t.Error("a recipe of version 1 that watches schemas is followed")
	}
}
