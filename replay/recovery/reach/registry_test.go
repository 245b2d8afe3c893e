package reach_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/scan"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// mirror is a topic of one cluster and its copy in another, beside which a registry of its own calls the same schemas otherwise. One registry
// wants a token, the other a client's certificate and a password; agents know both by their connections.
type mirror struct {
	t        *testing.T
	from, to *replaytest.Kafka
	one, two *schematest.Registry
	cfg      open.Config
}

// lostOffset is the record of partition 0 that the copy lacks, and changedOffset the one in which something else is.
const (
	lostOffset    = 7
	changedOffset = 11
)

// naming is how a topic's clients name schema 1 or 2: the value, and headers.
type naming func(schema byte, payload string) ([]byte, []record.Header)

func byNumber(from byte) naming {
	return func(n byte, payload string) ([]byte, []record.Header) {
		return append([]byte{0, 0, 0, 0, from + n}, payload...), nil
	}
}

func byGUID(from byte) naming {
	return func(n byte, payload string) ([]byte, []record.Header) {
		guid := [17]byte{0: 1, 16: from + n}
		return []byte(payload), []record.Header{{Key: record.ValueSchemaHeader, Value: guid[:]}}
	}
}

func newMirror(t *testing.T) *mirror { return newMirrorOf(t, byNumber(0), byNumber(50)) }

func newMirrorOf(t *testing.T, here, there naming) *mirror {
	trust := schematest.NewAuthority(t)
	m := &mirror{t: t, from: replaytest.NewKafka(t, "orders"), to: replaytest.NewKafka(t, "orders.copy"), one: schematest.New(t), two: schematest.NewTLS(t, trust.Server)}
	m.one.Require("Bearer hunter2")
	m.two.Require("Basic aHVudGVyMjpodW50ZXIy") // hunter2:hunter2
	m.cfg = open.Config{Cluster: "test", Env: func(string) (string, bool) { return "hunter2", true }, Registry: func(name string) (connect.Registry, bool) {
		switch name {
		case "one":
			return connect.Registry{URL: m.one.URL, Token: "env:TOKEN"}, true
		case "two":
			return connect.Registry{URL: m.two.URL, User: "env:USER", Password: "env:PASSWORD", TLS: &connect.TLS{CAFile: trust.CA, CertFile: trust.Cert, KeyFile: trust.Key}}, true
		}
		return connect.Registry{}, false
	}}
	for i, text := range []string{`"string"`, `"bytes"`} {
		for from, r := range map[int]*schematest.Registry{1: m.one, 51: m.two} {
			r.Put(from+i, sr.Schema{Schema: text})
			r.PutGUID(record.SchemaName{ByGUID: true, GUID: [16]byte{15: byte(from + i)}}.Text(), sr.Schema{Schema: text})
		}
	}
	for p := range int32(replaytest.Partitions) {
		var a, b []record.Record
		for i := range int64(20) {
			rec := record.Record{Offset: i, TimestampMs: 1_795_132_800_000 + i, Key: fmt.Appendf(nil, "%d", i)}
			n, payload := byte(1+i%2), fmt.Sprintf("order %d/%d", p, i)
			rec.Value, rec.Headers = here(n, payload)
			a = append(a, rec)
			if p == 0 && i == lostOffset {
				continue
			}
			if p == 0 && i == changedOffset {
				payload += "!"
			}
			rec.Value, rec.Headers = there(n, payload)
			b = append(b, rec)
		}
		m.from.Produce("orders", p, a...)
		m.to.Produce("orders.copy", p, b...)
	}
	return m
}

func (m *mirror) clients() *reach.Clients { return reach.New(m.cfg) }

func (m *mirror) spec(registries bool) *spec.Recovery {
	if registries {
		return m.specOf("one", "two")
	}
	return m.specOf("", "")
}

func (m *mirror) specOf(one, two string) *spec.Recovery {
	m.t.Helper()
	if one != "" {
		one, two = fmt.Sprintf(", registry: %q", one), fmt.Sprintf(", registry: %q", two)
	}
	text := fmt.Sprintf("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: mirror}\nspec:\n  source: {kafka: {brokers: %q, topic: orders%s}}\n"+
		"  target: {kafka: {brokers: %q, topic: orders.copy%s}}\n", strings.Join(m.from.ListenAddrs(), ","), one, strings.Join(m.to.ListenAddrs(), ","), two)
	r, err := spec.Parse("mirror.yaml", []byte(text), spec.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m *mirror) scan(registries bool) (*gap.Report, error) {
	m.t.Helper()
	return recovery.Scan(m.t.Context(), m.spec(registries), m.clients(), recovery.DefaultOptions())
}

func TestTopicsOfTwoClustersAreComparedBySchema(t *testing.T) {
	for name, pair := range map[string][2]naming{
		"numbers": {byNumber(0), byNumber(50)}, "GUIDs": {byGUID(0), byGUID(50)}, "numbers and GUIDs": {byNumber(0), byGUID(50)}, "GUIDs and numbers": {byGUID(0), byNumber(50)},
		"GUIDs in front": {byGUIDInFront(0), byGUIDInFront(50)}, "numbers and GUIDs in front": {byNumber(0), byGUIDInFront(50)}, "GUIDs in front and in headers": {byGUIDInFront(0), byGUID(50)},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirrorOf(t, pair[0], pair[1])
			rep, err := m.scan(true)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rep.Results {
				want := int64(20)
				if r.Partition == 0 {
					want = 18
				}
				if !r.Comparable || r.Actual.Records != want {
					t.Errorf("partition %d: got %d records that match, want %d: %v", r.Partition, r.Actual.Records, want, rep.Findings)
				}
				if r.Partition > 0 && r.Actual.Bytes != r.Expected.Bytes {
					t.Errorf("partition %d: got %d bytes that match, want %d", r.Partition, r.Actual.Bytes, r.Expected.Bytes)
				}
			}
			lost, _ := rep.Lost()
			missing := rep.Result(0).Missing
			if lost != 2 || !missing.Contains(lostOffset) || !missing.Contains(changedOffset) {
				t.Errorf("missing: got %d records, %v; want %d and %d of partition 0", lost, missing, lostOffset, changedOffset)
			}
			if notes := strings.Join(rep.Facts.Notes, "\n"); !strings.Contains(notes, "registry one tells those of the reference, two those of the target") {
				t.Errorf("notes: got %q, want them to say what was compared", notes)
			}
			m.samePieces(rep)
		})
	}
}

// samePieces scans as a cluster does, a partition at a time, and wants the same report. No agent holds its registries between two.
func (m *mirror) samePieces(direct *gap.Report) {
	m.t.Helper()
	order, err := scan.Order(m.spec(true))
	if err != nil {
		m.t.Fatal(err)
	}
	r, err := scan.Spec(order.Recipe)
	if err != nil {
		m.t.Fatal(err)
	}
	if got := joined(m.t, r, m.clients()); shown(m.t, got) != shown(m.t, direct) {
		m.t.Errorf("in pieces (-got +want):\n%s", cmp.Diff(shown(m.t, got), shown(m.t, direct)))
	} else if strings.Contains(shown(m.t, got)+string(order.Recipe), "hunter2") {
		m.t.Error("a report or a recipe holds a secret")
	}
}

// joined is a report of r that is made of parts.
func joined(t *testing.T, r *spec.Recovery, clients recovery.Clients) *gap.Report {
	t.Helper()
	s, extents, err := recovery.LookOver(t.Context(), r, clients, recovery.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	var parts []gap.Part
	for _, x := range extents {
		part, err := recovery.ScanPart(t.Context(), r, s, x.Partition, clients, recovery.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, *part)
	}
	rep, err := gap.Join(s.Header, parts)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestWithoutRegistriesNumbersAreBytes(t *testing.T) {
	m := newMirror(t)
	_, err := m.scan(false)
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeUnrelated {
		t.Fatalf("got %v, want %s: with other numbers no record is equal", err, recovery.CodeUnrelated)
	}
	// One record that is equal is enough for a report.
	m.to.Produce("orders.copy", 0, record.Record{TimestampMs: 1_795_132_800_000, Key: []byte("0"), Value: append([]byte{0, 0, 0, 0, 1}, "order 0/0"...)})
	rep, err := m.scan(false)
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(rep.NotChecked, "\n"); !strings.Contains(said, "numbers were compared as bytes") {
		t.Errorf("not checked: got %q, want it to say that numbers were compared as bytes", said)
	}
}

func TestARegistryThatDoesNotAnswerIsNoLoss(t *testing.T) {
	t.Parallel() // it waits, and others may work meanwhile
	for name, hurt := range map[string]func(m *mirror){
		"source is down":        func(m *mirror) { m.one.SetDown(true) },
		"target is down":        func(m *mirror) { m.two.SetDown(true) },
		"target lacks a schema": func(m *mirror) { m.two.Odd(notFound) },
		"source refuses us":     func(m *mirror) { m.one.Require("Bearer other") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t)
			hurt(m)
			rep, err := m.scan(true)
			if err != nil {
				t.Fatal(err)
			}
			m.samePieces(rep)
			if lost, _ := rep.Lost(); lost != 0 || rep.Unknown() != replaytest.Partitions {
				t.Errorf("got %d records lost and %d partitions that can not be compared, want 0 and all %d", lost, rep.Unknown(), replaytest.Partitions)
			}
			for _, f := range rep.Findings {
				if f.Kind != gap.NotComparable || !strings.Contains(f.Reason, "schema") {
					t.Errorf("finding: got %s: %s, want not comparable, because of schemas", f.Kind, f.Reason)
				}
			}
		})
	}
}

// notFound says that there is no schema 51, as a registry does.
func notFound(w http.ResponseWriter, req *http.Request) bool {
	if !strings.HasSuffix(req.URL.Path, "/51") {
		return false
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"error_code":40403,"message":"Schema 51 not found"}`)
	return true
}

// TestAgentsAskOnlyTheirRegistries: who may send a spec must not choose where agents send questions.
func TestAgentsAskOnlyTheirRegistries(t *testing.T) {
	m := newMirror(t)
	byAddress := m.specOf(m.one.URL, m.two.URL)
	var refused *recovery.Error
	if _, err := scan.Order(byAddress); !errors.As(err, &refused) || refused.Code != recovery.CodeRegistry {
		t.Errorf("order: got %v, want %s", err, recovery.CodeRegistry)
	}
	for name, r := range map[string]*spec.Recovery{"address": byAddress, "unknown connection": m.specOf("one", "three")} {
		_, _, err := recovery.LookOver(t.Context(), r, m.clients(), recovery.DefaultOptions())
		var e *connect.Error
		if !errors.As(err, &e) || e.Code != connect.CodeConfig || !strings.Contains(e.Hint, "registry") {
			t.Errorf("%s: got %v, want %s", name, err, connect.CodeConfig)
		}
	}
	if n := m.one.Asked() + m.two.Asked(); n != 0 {
		t.Errorf("registries were asked %d times, want 0", n)
	}
	// Who types an address at a prompt may dial it.
	m.cfg.AnyRegistry = true
	m.one.Require("")
	if _, err := recovery.Scan(t.Context(), m.specOf(m.one.URL, "two"), m.clients(), recovery.DefaultOptions()); err != nil {
		t.Errorf("by hand: got %v, want nil", err)
	}
}

func TestNothingIsPlannedWhereNumbersDiffer(t *testing.T) {
	m := newMirror(t)
	_, err := recovery.Build(t.Context(), m.spec(true), m.clients(), recovery.DefaultOptions())
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeNumbers {
		t.Errorf("got %v, want %s", err, recovery.CodeNumbers)
	}
}

// copied is a mirror whose registries say the same of the same names, as a copy of a registry does, and whose topics do, too.
func copied(t *testing.T) *mirror {
	m := newMirrorOf(t, byNumber(0), byNumber(0))
	for i, text := range []string{`"string"`, `"bytes"`} {
		m.two.Put(1+i, sr.Schema{Schema: text})
	}
	return m
}

func (m *mirror) plan(registries bool) (*recovery.Plan, error) {
	opt := recovery.DefaultOptions()
	opt.Now = func() time.Time { return time.UnixMilli(1_795_132_800_000) }
	return recovery.Build(m.t.Context(), m.spec(registries), m.clients(), opt)
}

// TestWhereNamesMeanTheSameThereIsAPlan, and it is that which a comparison of bytes makes: what runs it has no registry.
func TestWhereNamesMeanTheSameThereIsAPlan(t *testing.T) {
	m := copied(t)
	build := func(registries bool) *recovery.Plan {
		t.Helper()
		p, err := m.plan(registries)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	by, without := build(true), build(false)
	if by.Totals.Records != 2 || by.Recipe.Source.Registry+by.Recipe.Target.Registry != "" {
		t.Errorf("got %d records to write and %+v, want 2 and no registry in it", by.Totals.Records, by.Recipe)
	}
	sizes := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Bytes" }, cmp.Ignore()) // by schema, names count for nothing
	if diff := cmp.Diff(without.Slices, by.Slices, sizes); diff != "" {
		t.Errorf("by schema another plan comes out than by bytes (-bytes +schema):\n%s", diff)
	}
}

// TestAPlanSaysWhetherReadersOfTheTargetCanReadIt by the latest schema of the target's subject.
func TestAPlanSaysWhetherReadersOfTheTargetCanReadIt(t *testing.T) {
	for name, c := range map[string]struct {
		latest string // of the target's subject, "" for none
		odd    func(http.ResponseWriter, *http.Request) bool
		code   string // of the note, "" for none
		said   string
	}{
		"all":                         {latest: `["null","string","bytes"]`, said: "orders.copy-value@2, the latest of the target, reads each schema that the reference names (2)"},
		"no subject":                  {code: recovery.NoteNoSubject, said: "has no subject orders.copy-value"},
		"neither":                     {latest: `"int"`, code: recovery.NoteUnreadable, said: "at such records. The same goes for 1 more."},
		"one not":                     {latest: `["null",{"type":"fixed","name":"F","size":1}]`, code: recovery.NoteUnreadable, said: "can not read what was written with schema 1 of the reference"},
		"what can not be understood":  {latest: `{"type":"none"}`, code: recovery.NoteUndecided, said: "is not known: the latest version of subject orders.copy-value"},
		"a registry that breaks down": {latest: `"string"`, odd: brokenSubject, code: recovery.NoteUndecided, said: "gave no answer"},
	} {
		m := copied(t)
		if c.latest != "" {
			m.two.Register("orders.copy-value", sr.Schema{Schema: `"int"`}) // an earlier version does not count
			m.two.Register("orders.copy-value", sr.Schema{Schema: c.latest})
		}
		if c.odd != nil {
			m.two.Odd(c.odd)
		}
		p, err := m.plan(true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var said []string
		found := c.code == ""
		for _, n := range p.Notes {
			if strings.HasPrefix(n.Code, "BST-P22") {
				said = append(said, n.Code+" "+n.Text)
				found = found || n.Code == c.code
			}
		}
		for _, check := range p.Checks {
			if check.Name == "schemas" {
				said = append(said, check.Status+" "+check.Text)
			}
		}
		if text := strings.Join(said, "\n"); !found || !strings.Contains(text, c.said) || c.code == "" && strings.Contains(text, "BST-P22") {
			t.Errorf("%s: got %q, want %s %q", name, text, c.code, c.said)
		}
		stops := 0
		for _, n := range p.NeedsPerson() {
			if n.Code == c.code {
				stops++
			}
		}
		if c.code != "" && stops == 0 {
			t.Errorf("%s: a policy would run the plan without anybody having read %s", name, c.code)
		}
	}
}

// brokenSubject answers something else than a registry when it is asked for a version.
func brokenSubject(w http.ResponseWriter, req *http.Request) bool {
	if !strings.Contains(req.URL.Path, "/versions/") {
		return false
	}
	w.WriteHeader(http.StatusTeapot)
	return true
}

// TestARegistryThatDoesNotSayItMakesNoPlan: a name that only the reference's records have is asked for when the scan is over.
func TestARegistryThatDoesNotSayItMakesNoPlan(t *testing.T) {
	for status, want := range map[int]string{http.StatusTeapot: "is not known", http.StatusNotFound: "name their schemas differently"} {
		m := copied(t)
		m.one.Put(3, sr.Schema{Schema: `"double"`})
		m.from.Produce("orders", 0, record.Record{Offset: 20, TimestampMs: 1_795_132_800_020, Value: []byte{0, 0, 0, 0, 3}})
		m.two.Odd(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path != "/schemas/ids/3" {
				return false
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error_code":40403}`)
			return true
		})
		_, err := m.plan(true)
		var refused *recovery.Error
		if !errors.As(err, &refused) || refused.Code != recovery.CodeNumbers || !strings.Contains(refused.Title, want) {
			t.Errorf("%d: got %v, want %s: %s", status, err, recovery.CodeNumbers, want)
		}
	}
}
