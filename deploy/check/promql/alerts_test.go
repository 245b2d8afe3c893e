package promql

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob("../../alerts/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of rules, %v", len(files), err)
	}
	var out []rule
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(raw, &groups); err != nil {
			t.Fatal(err)
		}
		for _, g := range groups.Groups {
			out = append(out, g.Rules...)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d rules", len(out))
	}
	return out
}

// TestAlertsAskWhatTheProgramTells is the strict twin of the test at the root: it parses each expression instead of reading its words.
func TestAlertsAskWhatTheProgramTells(t *testing.T) {
	k := registered(t)
	named := regexp.MustCompile(`\$labels\.([a-zA-Z0-9_]+)`)
	for _, r := range rules(t) {
		_, labels, err := k.query(r.Expr)
		if err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
		for what, text := range r.Annotations {
			for _, l := range named.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s names label %s, and a result has %v", r.Alert, what, l[1], labels)
				}
			}
		}
	}
}

// TestEachAlertIsTestedBothWays: promtool runs the cases; here nobody forgets one. An alert needs a case in which it fires and one in which it
// does not.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	files, err := filepath.Glob("../../alerts/tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of cases, %v", len(files), err)
	}
	fires, silent := map[string]int{}, map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases struct {
			Tests []struct {
				Series []any `json:"input_series"`
				Alerts []struct {
					Name string `json:"alertname"`
					Exp  []any  `json:"exp_alerts"`
				} `json:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(raw, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases.Tests {
			for _, a := range c.Alerts {
				if len(a.Exp) > 0 {
					fires[a.Name]++
				} else if len(c.Series) > 0 { // silence because there is nothing shows nothing
					silent[a.Name]++
				}
			}
		}
	}
	have := map[string]bool{}
	for _, r := range rules(t) {
		have[r.Alert] = true
		if fires[r.Alert] == 0 || silent[r.Alert] == 0 {
			t.Errorf("%s: %d cases in which it fires, %d in which it does not; want one of each", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
	for name := range fires {
		if !have[name] {
			t.Errorf("a case is about %s, and there is no such alert", strings.TrimSpace(name))
		}
	}
}
