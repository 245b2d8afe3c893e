package report_test

import (
	"bytes"
	"errors"
	"flag"
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

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func comparison(part int32) fsm.Comparison {
	side := fsm.Side{Records: 1000, Bytes: 64000, Sum: [16]byte{1, byte(part)}, Chain: [16]byte{2, byte(part)}}
	return fsm.Comparison{Partition: part, Range: partition.Range{From: 0, To: 1000}, Verdict: fsm.Pass, Evidence: fsm.E3, Expected: side, Actual: side, ReadBy: "node-b"}
}

func proof(cs ...fsm.Comparison) fsm.Proof {
	p := fsm.Proof{ID: "r-20af", Job: "bs-7f3k2m", Comparisons: cs, UnixNanos: 1_795_132_800_000_000_000, By: "node-a", Index: 4913}
	p.Verdict, p.Evidence = fsm.Judge(cs)
	return p
}

var about = report.About{
	Name: "orders-gap", Namespace: "payments", PlanHash: [32]byte{0x9f, 0x2c}, Cluster: "c1", Source: "archive of orders in s3://acme-archive",
	Target: "topic orders at prod", Dataset: "orders", Written: 210, Suppressed: 3,
}

// cases are proofs of each kind.
func cases() map[string]fsm.Proof {
	failed := comparison(7)
	failed.Verdict, failed.Missing, failed.Extra, failed.Actual.Records = fsm.Fail, 1, 1, 999
	failed.Actual.Sum, failed.Actual.Chain = [16]byte{9}, [16]byte{9}
	failed.Detail = "orders/p07 offset 4711: value differs from reference offset 4711"
	before := comparison(3)
	before.PreexistingDuplicates, before.Extra, before.Quarantined = 4410, 2, 3
	before.Evidence, before.Actual.Chain = fsm.E2, [16]byte{8}
	before.NotChecked = []string{"order of the records from before the job: it is not that of the reference"}
	nothing := fsm.Comparison{Partition: 0, Verdict: fsm.Indeterminate, Detail: "nothing was compared: the reference has no records in this range"}
	return map[string]fsm.Proof{
		"pass":          proof(comparison(0)),
		"partitions":    proof(comparison(0), comparison(1), before),
		"fail":          proof(comparison(0), failed),
		"indeterminate": proof(nothing),
	}
}

func TestText(t *testing.T) {
	for name, p := range cases() {
		r := report.New(p, about)
		var b bytes.Buffer
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".txt")
		if *rewrite {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.String(), string(want)); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestFileRoundTripAndExitStatus(t *testing.T) {
	for name, p := range cases() {
		r := report.New(p, about)
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := report.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, r); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
		want := map[fsm.Verdict]int{fsm.Pass: 0, fsm.Fail: 4, fsm.Indeterminate: 5}[p.Verdict]
		if got.ExitStatus() != want {
			t.Errorf("%s: got exit status %d, want %d", name, got.ExitStatus(), want)
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	r := report.New(cases()["partitions"], about)
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(text); i += 3 { // every third byte keeps it quick; which ones moves with the text
		bad := bytes.Clone(text)
		bad[i] ^= 1 << (i % 8)
		got, err := report.Decode("r", bad)
		if err == nil && !cmp.Equal(got, r) {
			t.Fatalf("byte %d: read as another report", i)
		}
	}
}

// A forger who also fixes the hash is still caught when the verdict is not what the numbers say.
func TestAReportThatContradictsItselfIsRefused(t *testing.T) {
	for name, forge := range map[string]func(r *report.Report){
		"verdict":  func(r *report.Report) { r.Verdict, r.Comparisons[1].Verdict = "pass", "pass" },
		"whole":    func(r *report.Report) { r.Verdict = "pass" },
		"evidence": func(r *report.Report) { r.Evidence = "E4" },
		"no records": func(r *report.Report) {
			*r = *report.New(proof(comparison(0)), about)
			r.Comparisons[0].Expected.Records = 0
		},
		"sum": func(r *report.Report) {
			*r = *report.New(proof(comparison(0)), about)
			r.Comparisons[0].Actual.Sum = strings.Repeat("00", 16)
		},
		"chain": func(r *report.Report) {
			*r = *report.New(proof(comparison(0)), about)
			r.Comparisons[0].Actual.Chain = strings.Repeat("00", 16)
		},
		"duplicates": func(r *report.Report) {
			*r = *report.New(proof(comparison(0)), about)
			r.Comparisons[0].IntroducedDuplicates = 1
		},
		"quarantine as an excuse": func(r *report.Report) {
			*r = *report.New(proof(comparison(0)), about)
			r.Comparisons[0].Quarantined, r.Comparisons[0].Actual.Records = 1, r.Comparisons[0].Actual.Records-1
		},
		"nonsense": func(r *report.Report) { r.Comparisons[0].Verdict = "splendid" },
	} {
		r := report.New(cases()["fail"], about)
		forge(r)
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var bad *report.Error
		if _, err := report.Decode("r", text); !errors.As(err, &bad) || bad.Code != report.CodeDisagrees || bad.Exit != 4 {
			t.Errorf("%s: got %v, want %s with exit status 4", name, err, report.CodeDisagrees)
		}
	}
}

func TestWhatIsNoReport(t *testing.T) {
	text, err := report.New(cases()["pass"], about).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		code string
	}{
		"edited":  {bytes.Replace(text, []byte(`"written": 210`), []byte(`"written": 211`), 1), report.CodeEdited},
		"empty":   {nil, report.CodeNotReport},
		"two":     {append(slices.Clone(text), text...), report.CodeNotReport},
		"a plan":  {[]byte(`{"sha256": "x", "plan": {}}`), report.CodeNotReport},
		"cut off": {text[:len(text)-10], report.CodeNotReport},
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
	r := report.New(p, about)
	if d := r.Differences(p.Comparisons); len(d) != 0 {
		t.Errorf("the same again: got %v, want no difference", d)
	}
	changed := slices.Clone(p.Comparisons)
	changed[1].Actual.Sum, changed[1].Missing, changed[1].Verdict = [16]byte{7}, 1, fsm.Fail
	var what []string
	for _, d := range r.Differences(changed) {
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
	if d := r.Differences(changed); len(d) != 1 || d[0].What != "quarantined" {
		t.Errorf("one more in quarantine: got %v, want that difference", d)
	}
	if d := r.Differences(append(slices.Clone(p.Comparisons[1:]), comparison(9))); len(d) != 2 {
		t.Errorf("one partition less and one more: got %v, want two differences", d)
	}
}
