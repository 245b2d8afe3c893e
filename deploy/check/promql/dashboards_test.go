package promql

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is one of Grafana's, as far as it is looked at here.
type dashboard struct {
	UID, Title, Description string
	Editable                *bool
	Panels                  []panel
	Templating              struct {
		List []struct{ Name, Type, Query string }
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		RefID, Expr, LegendFormat string
		Datasource                struct{ UID string }
	}
}

var (
	variable = regexp.MustCompile(`\$\{?([a-zA-Z_]+)`)
	legend   = regexp.MustCompile(`\{\{ *([a-z_]+) *\}\}`)
	ofValues = regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`)
	runbook  = regexp.MustCompile(`runbook ([A-Za-z-]+)`)
)

// builtIn are variables that Grafana has by itself.
var builtIn = []string{"__rate_interval", "__interval", "__range"}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	out := map[string]dashboard{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = d
	}
	return out
}

// TestDashboardsAskWhatTheProgramTells parses each query and holds its metrics, labels and legends to what there is.
func TestDashboardsAskWhatTheProgramTells(t *testing.T) {
	k := registered(t)
	shown := map[string]bool{}
	for name, d := range dashboards(t) {
		if d.UID != "backstitch-"+name || d.Title == "" || d.Description == "" {
			t.Errorf("%s: uid %q, title %q", name, d.UID, d.Title)
		}
		declared := slices.Clone(builtIn)
		for _, v := range d.Templating.List {
			declared = append(declared, v.Name)
			if v.Type != "query" {
				continue
			}
			parts := ofValues.FindStringSubmatch(v.Query)
			if parts == nil {
				t.Errorf("%s: variable %s asks %q", name, v.Name, v.Query)
				continue
			}
			if _, labels, err := k.query(parts[1]); err != nil || !slices.Contains(labels, parts[2]) {
				t.Errorf("%s: variable %s: no label %s, %v", name, v.Name, parts[2], err)
			}
		}
		queries := 0
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				queries++
				at := name + ": " + p.Title + ": " + q.Expr
				for _, v := range variable.FindAllStringSubmatch(q.Expr, -1) {
					if !slices.Contains(declared, v[1]) {
						t.Errorf("%s: there is no variable %s", at, v[1])
					}
				}
				metrics, labels, err := k.query(strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "6h").Replace(q.Expr))
				if err != nil {
					t.Errorf("%s: %v", at, err)
				}
				if !strings.Contains(q.Expr, `job="$cluster"`) {
					t.Errorf("%s mixes clusters", at)
				}
				for _, l := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
					if !slices.Contains(labels, l[1]) {
						t.Errorf("%s: the legend names %s, and a result has %v", at, l[1], labels)
					}
				}
				if p.Datasource.UID != "${datasource}" || q.Datasource.UID != "${datasource}" {
					t.Errorf("%s asks %q", at, q.Datasource.UID)
				}
				for _, m := range metrics {
					shown[strings.TrimSuffix(m, "_bucket")] = true
				}
			}
		}
		if queries < 8 {
			t.Errorf("%s has only %d queries", name, queries)
		}
	}
	for m := range k {
		if !shown[m] {
			t.Errorf("%s is on no dashboard", m)
		}
	}
}

// TestPanelsCanBeRead: each says what it shows, in which unit, lies on no other, and names runbooks that there are.
func TestPanelsCanBeRead(t *testing.T) {
	for name, d := range dashboards(t) {
		ids := map[int]bool{}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: %s has id %d, as another", name, p.Title, p.ID)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("%s: %s lies outside: %+v", name, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %s lies on %s", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %d %q lacks a title, a description, a unit or a query", name, p.ID, p.Title)
			}
			for _, r := range runbook.FindAllStringSubmatch(p.Description, -1) {
				if _, err := os.Stat("../../runbooks/" + r[1] + ".md"); err != nil {
					t.Errorf("%s: %s: %v", name, p.Title, err)
				}
			}
		}
	}
}
