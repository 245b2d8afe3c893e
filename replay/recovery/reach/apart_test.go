package reach_test

import (
	"encoding/json"
	"strings"
	"testing"

	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

// apart scans partition by partition, each with clients of its own, keeps what it found as the book does, and joins it.
func (l *lab) apart(r *spec.Recovery, max int) *gap.Report {
	l.t.Helper()
	s, parts, err := recovery.LookOver(l.t.Context(), r, l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	// What is kept of a survey is JSON.
	var kept recovery.Survey
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	var joined []gap.Part
	for i := range parts { // backwards: the order in which nodes are done means nothing
		p, err := recovery.ScanPart(l.t.Context(), r, &kept, parts[len(parts)-1-i].Partition, l.clients, l.options())
		if err != nil {
			l.t.Fatal(err)
		}
		body, _, err := gap.EncodePart(p, max)
		if err != nil {
			l.t.Fatal(err)
		}
		if len(body) > max {
			l.t.Errorf("a part takes %d bytes, at most %d are allowed", len(body), max)
		}
		p, err = gap.DecodePart(body)
		if err != nil {
			l.t.Fatal(err)
		}
		joined = append(joined, *p)
	}
	rep, err := gap.Join(kept.Header, joined)
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// shown is everything that a person or a program gets to see of a report.
func shown(t *testing.T, rep *gap.Report) string {
	t.Helper()
	var b strings.Builder
	if err := gap.WriteHeatmap(&b, rep, gap.RenderOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if err := gap.WriteList(&b, rep, ""); err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		if err := gap.Explain(&b, rep, f.ID); err != nil {
			t.Fatal(err)
		}
	}
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(rep); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A scan in pieces shows what one of all shows, to the byte: ids, heatmap, evidence and document.
func TestPartsMakeTheSameReport(t *testing.T) {
	t.Run("own archive", func(t *testing.T) {
		l := newLab(t)
		if err := l.kafka.DeleteRecords("orders", 1, 120); err != nil {
			t.Fatal(err)
		}
		l.same(l.spec(""))
	})
	for _, writer := range []string{"confluent-hourly", "aiven-envelope", "firehose", "lenses-envelope"} {
		t.Run(writer, func(t *testing.T) {
			rng := replaytest.Seed(t)
			at := rng.Int64N(100)
			l := archived(t, writer, rng, func(p int32, o int64) bool { return o >= at+int64(p)*20 && o < at+int64(p)*20+110 || o%17 == int64(p) })
			l.same(l.specOf("layout: auto"))
		})
	}
}

func (l *lab) same(r *spec.Recovery) {
	l.t.Helper()
	direct, err := recovery.Scan(l.t.Context(), r, l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	if len(direct.Findings) == 0 {
		l.t.Fatal("nothing is missing, so nothing is shown")
	}
	if diff := cmp.Diff(shown(l.t, l.apart(r, 1<<20)), shown(l.t, direct)); diff != "" {
		l.t.Errorf("in pieces (-got +want):\n%s", diff)
	}
}

// What does not fit is left out and said to be: ids and counts stay those of the whole.
func TestPartsThatDoNotFitKeepIdsAndCounts(t *testing.T) {
	rng := replaytest.Seed(t)
	gone := map[int64]bool{}
	for range 100 {
		gone[rng.Int64N(240)] = true
	}
	l := archived(t, "lenses-envelope", rng, func(p int32, o int64) bool { return gone[o] && p > 0 })
	r := l.specOf("layout: auto")
	direct, err := recovery.Scan(t.Context(), r, l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	rep := l.apart(r, 700)
	if rep.Set != direct.Set || len(rep.Findings) != len(direct.Findings) || len(rep.Left) == 0 {
		t.Fatalf("got %s with %d findings and %d partitions cut, want %s with %d and some", rep.Set, len(rep.Findings), len(rep.Left), direct.Set, len(direct.Findings))
	}
	for i, f := range rep.Findings {
		want := direct.Findings[i]
		if f.ID != want.ID || f.Count != want.Count || f.Range != want.Range || int64(len(f.Ranges))+f.RangesLeft != int64(len(want.Ranges)) {
			t.Errorf("got %+v, want %+v", f, want)
		}
	}
	a, b := rep.Lost()
	if c, d := direct.Lost(); a != c || b != d {
		t.Errorf("got %d records of %d bytes lost, want %d of %d", a, b, c, d)
	}
	if text := rep.Summary(""); !strings.Contains(text, "not all ranges were kept") {
		t.Errorf("the summary does not say that something is left out:\n%s", text)
	}
}

// A target that was made anew since the survey is not the one that the other partitions were compared with.
func TestPartRefusesAnotherTarget(t *testing.T) {
	l := newLab(t)
	s, parts, err := recovery.LookOver(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	s.Target.TopicID = "another"
	_, err = recovery.ScanPart(t.Context(), l.spec(""), s, parts[0].Partition, l.clients, l.options())
	if e, ok := err.(*recovery.Error); !ok || e.Code != recovery.CodeMoved {
		t.Errorf("got %v, want %s", err, recovery.CodeMoved)
	}
}
