package report_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/report"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	rewrite = flag.Bool("rewrite", false, "write the golden files anew")
	step    = flag.Int("report.step", 7, "flip a bit of every such byte of a file; 1 is all of them")
)

// key signs in tests. Its seed is zeros.
type key struct{ ed25519.PrivateKey }

func (k key) Public() ed25519.PublicKey  { return k.PrivateKey.Public().(ed25519.PublicKey) }
func (k key) Sign(message []byte) []byte { return ed25519.Sign(k.PrivateKey, message) }

var clusterKey = key{ed25519.NewKeyFromSeed(make([]byte, 32))}

func comparison(part int32) fsm.Comparison {
	side := fsm.Side{Records: 1000, Bytes: 64000, Sum: [16]byte{15: byte(part)}, Chain: [16]byte{2, byte(part)}}
	return fsm.Comparison{Partition: part, Range: partition.Range{From: 0, To: 1000}, Verdict: fsm.Pass, Evidence: fsm.E3, Expected: side, Actual: side, ReadBy: "b"}
}

// windows of a comparison: two, of which the job filled some of the first.
func windows(c fsm.Comparison) []fsm.Window {
	half := fsm.WindowSide{Records: 500, Bytes: 32000}
	out := []fsm.Window{
		{Range: partition.Range{From: 0, To: 500}, FromMs: 1_795_000_000_000, ToMs: 1_795_000_100_000, Filled: 210, Expected: half, Actual: half},
		{Range: partition.Range{From: 500, To: 1000}, FromMs: 1_795_000_100_001, ToMs: 1_795_000_200_000, Expected: half, Actual: half},
	}
	out[1].Expected.Sum, out[1].Actual.Sum = c.Expected.Sum, c.Actual.Sum
	out[1].Actual.Records, out[1].Actual.Bytes = c.Actual.Records-500, c.Actual.Bytes-32000
	return out
}

func proof(cs ...fsm.Comparison) fsm.Proof {
	p := fsm.Proof{ID: "r-20af", Job: "bs-7f3k2m", UnixNanos: 1_795_132_800_000_000_000, By: "a", Index: 4913}
	for _, c := range cs {
		p.Comparisons = append(p.Comparisons, writers.Attest(c))
	}
	p.Verdict, p.Evidence = fsm.Judge(p.Comparisons, writers)
	return p
}

var writers = fsm.Writers{Known: true, Lanes: []fsm.LaneWriters{{Partition: 0, Nodes: []partition.NodeID{"a"}}, {Partition: 1, Nodes: []partition.NodeID{"a", "b"}}}}

func about(cs ...fsm.Comparison) report.About {
	a := report.About{
		Name: "orders-gap", Namespace: "payments", PlanHash: [32]byte{0x9f, 0x2c}, Cluster: "c1", Source: "archive of orders in s3://acme-archive",
		Target: "topic orders at prod", Dataset: "orders", Written: 210, Suppressed: 3, Writers: writers, Windows: map[int32][]fsm.Window{},
		Nodes: []report.Node{{ID: "a", Name: "node-a", Zone: "east"}, {ID: "b", Name: "node-b"}},
		Timeline: []report.Event{
			{Index: 4812, At: "2026-11-20T09:46:00Z", Who: "cli:ana@host", What: "the plan was submitted", Why: "INC-4211 </script> <b>&amp; \\u003c"},
			{Index: 4850, At: "2026-11-20T09:52:40.25Z", Who: "leader:node-a", What: "3 leases moved to other nodes", Why: "node-c is lost"},
		},
	}
	for _, c := range cs {
		if c.Expected.Records > 0 {
			a.Windows[c.Partition] = windows(c)
		}
	}
	return a
}

func made(p fsm.Proof) *report.Report { return report.New(p, about(p.Comparisons...)) }

func seal(t testing.TB, r *report.Report) *report.File {
	t.Helper()
	f, err := r.Seal(clusterKey, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// cases are proofs of each kind.
func cases() map[string]fsm.Proof {
	failed := comparison(7)
	failed.Verdict, failed.Missing, failed.Extra, failed.Actual.Records, failed.Actual.Bytes = fsm.Fail, 1, 1, 999, 63990
	failed.Actual.Sum, failed.Actual.Chain = [16]byte{9}, [16]byte{9}
	failed.Detail = "orders/p07 offset 4711: value differs from reference offset 4711 (window 2 of 2, reference offsets [500,1000))"
	before := comparison(3)
	before.PreexistingDuplicates, before.Extra, before.Quarantined = 4410, 2, 3
	before.Evidence, before.Actual.Chain = fsm.E2, [16]byte{8}
	before.NotChecked = []string{"order of the records from before the job: it is not that of the reference"}
	nothing := fsm.Comparison{Partition: 0, Verdict: fsm.Indeterminate, Detail: "nothing was compared: the reference has no records in this range"}
	return map[string]fsm.Proof{
		"pass":          proof(comparison(0)),
		"writer":        proof(comparison(0), comparison(1)),
		"partitions":    proof(comparison(0), comparison(1), before),
		"fail":          proof(comparison(0), failed),
		"indeterminate": proof(nothing),
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
}

func TestText(t *testing.T) {
	for name, p := range cases() {
		var by report.Signer
		if name != "indeterminate" {
			by = clusterKey
		}
		f, err := made(p).Seal(by, "the cluster has no proof key")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", b.Bytes())
	}
}

// The bytes of files are frozen: reports that somebody keeps must be checked for ever.
func TestGoldenFiles(t *testing.T) {
	f := seal(t, made(cases()["fail"]))
	golden(t, "fail.json", f.JSON())
	page, err := f.HTML()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "fail.html", page)
}

func TestFileRoundTripAndExitStatus(t *testing.T) {
	for name, p := range cases() {
		for _, by := range []report.Signer{clusterKey, nil} {
			f, err := made(p).Seal(by, "the cluster has no proof key")
			if err != nil {
				t.Fatal(err)
			}
			page, err := f.HTML()
			if err != nil {
				t.Fatal(err)
			}
			for kind, text := range map[string][]byte{"json": f.JSON(), "html": page} {
				path := filepath.Join(t.TempDir(), "r."+kind)
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
				got, err := report.ReadFile(path)
				if err != nil {
					t.Fatalf("%s.%s: %v", name, kind, err)
				}
				if diff := cmp.Diff(got.Report, f.Report); diff != "" {
					t.Errorf("%s (-got +want):\n%s", name, diff)
				}
				if got.SignedBy(clusterKey.Public()) != (by != nil) || (got.NotSigned == "") != (by != nil) {
					t.Errorf("%s.%s: signed by %x, or not: %q", name, kind, got.Key, got.NotSigned)
				}
				want := map[fsm.Verdict]int{fsm.Pass: 0, fsm.Fail: 4, fsm.Indeterminate: 5}[p.Verdict]
				if got.Report.ExitStatus() != want {
					t.Errorf("%s: got exit status %d, want %d", name, got.Report.ExitStatus(), want)
				}
			}
		}
	}
}

// A bit of every byte of a file: none can be turned without being found, and the place is named. Which bit moves with the byte; the bit
// of capitals is turned in all. With -report.step each run takes other bytes.
func TestEveryFlippedBitIsFoundAndPlaced(t *testing.T) {
	f := seal(t, made(cases()["fail"]))
	text := f.JSON()
	part := func(i int) string { // that byte i is of
		last, at := "", -1
		for _, name := range []string{"comparisons", "timeline", "sha256", "signature", "statement"} {
			if k := bytes.Index(text, []byte(`"`+name+`":`)); k <= i && k > at {
				last, at = name, k
			}
		}
		return last
	}
	for i := rand.IntN(*step); i < len(text); i += *step {
		for _, bit := range []int{i % 8, 5} {
			bad := bytes.Clone(text)
			bad[i] ^= 1 << bit
			_, err := report.Decode("r", bad)
			var e *report.Error
			if !errors.As(err, &e) || e.Code != report.CodeEdited || e.Exit != 4 {
				t.Fatalf("byte %d, bit %d (%q): got %v, want %s", i, bit, text[max(0, i-20):min(len(text), i+20)], err, report.CodeEdited)
			}
			if want := part(i); !strings.Contains(strings.ToLower(e.Why), want) && !strings.Contains(e.Why, fmt.Sprintf("byte %d", i)) && !near(e.Why, i) && !strings.Contains(e.Why, "report.version") && !strings.Contains(e.Why, " stands behind ") && !strings.Contains(e.Why, "unknown field") && !strings.Contains(e.Why, "no such member") && i < len(text)-1 {
				t.Fatalf("byte %d, bit %d: got %q, want a place in %s", i, bit, e.Why, want)
			}
		}
	}
}

// near reports whether the text names a byte within the same value as i.
func near(why string, i int) bool {
	var at int
	_, err := fmt.Sscanf(why, "Changed: byte %d", &at)
	return err == nil && at >= i-200 && at <= i+200
}

func TestEveryFlippedByteOfAPageIsFound(t *testing.T) {
	page, err := seal(t, made(cases()["pass"])).HTML()
	if err != nil {
		t.Fatal(err)
	}
	every := 41 // a prime; making a page takes half a millisecond
	if testing.Short() {
		every = 397
	}
	for i := 0; i < len(page); i += every {
		bad := bytes.Clone(page)
		bad[i] ^= 1 << (i % 8)
		var e *report.Error
		if _, err := report.Decode("r", bad); !errors.As(err, &e) || (e.Code != report.CodeEdited && i >= len("<!DOCTYPE html>")) {
			t.Fatalf("byte %d (%q): got %v", i, page[max(0, i-20):min(len(page), i+20)], err)
		}
	}
	// What people read is part of it, although the report inside is whole.
	forged := bytes.Replace(page, []byte(">VERIFIED</span>"), []byte(">VERIFIED!</span>"), 1)
	line := fmt.Sprintf("line %d of the page", 1+strings.Count(string(page[:bytes.Index(page, []byte(">VERIFIED<"))]), "\n"))
	if _, err := report.Decode("r", forged); err == nil || !strings.Contains(err.Error(), line) {
		t.Errorf("another word on the page: got %v, want %s", err, line)
	}
}

func TestAPageNeedsNothingElse(t *testing.T) {
	page, err := seal(t, made(cases()["fail"])).HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, bad := range []string{"src=", "href=", "url(", "@import", "style=", "onload", "onclick", "http://", "https://"} {
		if strings.Contains(strings.ReplaceAll(text, "http-equiv", ""), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	_, style, _ := strings.Cut(text, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(html.UnescapeString(text), want) {
		t.Errorf("the policy does not allow the page's own style: want %s", want)
	}
	if n := strings.Count(text, "<script"); n != 1 || !strings.Contains(text, "default-src 'none'") {
		t.Errorf("got %d script elements, want the one that holds the report, and a policy", n)
	}
}

// A forger who also makes the hashes fit, and has the key, is still caught when the verdict is not what the numbers say.
func TestAReportThatContradictsItselfIsRefused(t *testing.T) {
	pass := func(r *report.Report) *report.Comparison { *r = *made(proof(comparison(0))); return &r.Comparisons[0] }
	for name, forge := range map[string]func(r *report.Report){
		"verdict":    func(r *report.Report) { r.Verdict, r.Comparisons[1].Verdict = "pass", "pass" },
		"whole":      func(r *report.Report) { r.Verdict = "pass" },
		"evidence":   func(r *report.Report) { r.Evidence = "E2" },
		"no records": func(r *report.Report) { pass(r).Expected.Records = 0 },
		"sum":        func(r *report.Report) { pass(r).Actual.Sum = strings.Repeat("00", 15) + "01" },
		"chain":      func(r *report.Report) { pass(r).Actual.Chain = strings.Repeat("00", 16) },
		"duplicates": func(r *report.Report) { pass(r).IntroducedDuplicates = 1 },
		"quarantine as an excuse": func(r *report.Report) {
			c := pass(r)
			c.Quarantined, c.Actual.Records = 1, c.Actual.Records-1
		},
		"nonsense":                  func(r *report.Report) { r.Comparisons[0].Verdict = "splendid" },
		"E4 read by a writer":       func(r *report.Report) { pass(r).WrittenBy = []string{"b"} },
		"E4 with unknown writers":   func(r *report.Report) { pass(r); r.WritersKnown = false },
		"E4 read by a person":       func(r *report.Report) { pass(r).ReadBy = "cli:ana" },
		"E4 read by nobody":         func(r *report.Report) { pass(r).ReadBy = "" },
		"a window less":             func(r *report.Report) { c := pass(r); c.Windows = c.Windows[:1] },
		"a window that differs":     func(r *report.Report) { pass(r).Windows[0].Actual.Records-- },
		"windows that overlap":      func(r *report.Report) { pass(r).Windows[1].From-- },
		"a partition that is twice": func(r *report.Report) { pass(r); r.Comparisons = append(r.Comparisons, r.Comparisons[0]) },
	} {
		r := made(cases()["fail"])
		forge(r)
		var bad *report.Error
		if _, err := report.Decode("r", seal(t, r).JSON()); !errors.As(err, &bad) || bad.Code != report.CodeDisagrees || bad.Exit != 4 {
			t.Errorf("%s: got %v, want %s with exit status 4", name, err, report.CodeDisagrees)
		}
	}
}

// Somebody without the key can not make a signature, and can not take one from another report.
func TestASignatureIsOfOneReportByOneKey(t *testing.T) {
	other := key{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))}
	f := seal(t, made(cases()["pass"]))
	g, err := made(cases()["fail"]).Seal(other, "")
	if err != nil {
		t.Fatal(err)
	}
	swap := func(from, to []byte) []byte {
		return bytes.Replace(f.JSON(), fmt.Appendf(nil, "%x", from), fmt.Appendf(nil, "%x", to), 1)
	}
	for name, text := range map[string][]byte{
		"another's signature": swap(f.Signature, g.Signature), "another key": swap(f.Key, g.Key), "no signature": swap(f.Signature, nil),
	} {
		var bad *report.Error
		if _, err := report.Decode("r", text); !errors.As(err, &bad) || bad.Code != report.CodeEdited || !strings.Contains(bad.Why, "signature") {
			t.Errorf("%s: got %v, want %s and the signature", name, err, report.CodeEdited)
		}
	}
	if f.SignedBy(other.Public()) || !f.SignedBy(clusterKey.Public()) {
		t.Error("a report takes another key for its own")
	}
}

func TestWhatIsNoReport(t *testing.T) {
	text := seal(t, made(cases()["pass"])).JSON()
	for name, c := range map[string]struct {
		text []byte
		code string
	}{
		"edited":   {bytes.Replace(text, []byte(`"written":210`), []byte(`"written":211`), 1), report.CodeEdited},
		"indented": {bytes.Replace(text, []byte(`"written":210`), []byte(`"written": 210`), 1), report.CodeEdited},
		"cut off":  {text[:len(text)-10], report.CodeEdited},
		"two":      {append(slices.Clone(text), text...), report.CodeEdited},
		"empty":    {nil, report.CodeNotReport},
		"a plan":   {[]byte(`{"sha256": "x", "plan": {}}`), report.CodeNotReport},
	} {
		var bad *report.Error
		if _, err := report.Decode("r", c.text); !errors.As(err, &bad) || bad.Code != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
	var bad *report.Error
	if _, err := report.ReadFile(filepath.Join(t.TempDir(), "none")); !errors.As(err, &bad) || bad.Exit != 10 {
		t.Errorf("no file: got %v, want exit status 10", err)
	}
}

func TestAnotherRunIsCompared(t *testing.T) {
	p := cases()["partitions"]
	r, ws := made(p), about(p.Comparisons...).Windows
	if d := r.Differences(p.Comparisons, ws); len(d) != 0 {
		t.Errorf("the same again: got %v, want no difference", d)
	}
	changed := slices.Clone(p.Comparisons)
	changed[1].Actual.Sum, changed[1].Missing, changed[1].Verdict = [16]byte{7}, 1, fsm.Fail
	var what []string
	for _, d := range r.Differences(changed, nil) {
		if d.Partition != 1 {
			t.Errorf("got a difference in partition %d, want only in 1", d.Partition)
		}
		what = append(what, d.What)
	}
	if diff := cmp.Diff(what, []string{"verdict", "actual sum", "missing"}); diff != "" {
		t.Errorf("differences (-got +want):\n%s", diff)
	}
	changed = slices.Clone(p.Comparisons)
	changed[0].Quarantined++
	if d := r.Differences(changed, nil); len(d) != 1 || d[0].What != "quarantined" {
		t.Errorf("one more in quarantine: got %v, want that difference", d)
	}
	ws[0] = slices.Clone(ws[0])
	ws[0][1].Actual.Records--
	if d := r.Differences(p.Comparisons, ws); len(d) != 1 || !strings.Contains(d[0].What, "window 2 of 2") {
		t.Errorf("another window: got %v, want that difference", d)
	}
	if d := r.Differences(append(slices.Clone(p.Comparisons[1:]), comparison(9)), nil); len(d) != 2 {
		t.Errorf("one partition less and one more: got %v, want two differences", d)
	}
}
