package backstitch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// rules is a Prometheus rule file, as far as ours use the format: any other key is refused.
type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// metrics finds each metric that the program registers, with its own labels: calls of prometheus.NewDesc, literals of
// prometheus.*Opts, and those of a helper named gauge, which takes the name first.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	out, _ := metricsAndKinds(t)
	return out
}

// metricsAndKinds also says which are counters, gauges and histograms. A description has no kind of its own: it is a counter when its name
// says so.
func metricsAndKinds(t *testing.T) (out map[string][]string, kinds map[string]string) {
	t.Helper()
	out, kinds = map[string][]string{}, map[string]string{}
	add := func(name ast.Expr, labels ast.Expr, maker string) {
		n, ok := text(name)
		if !ok || !strings.HasPrefix(n, "backstitch_") {
			return
		}
		out[n], kinds[n] = []string{}, "gauge"
		for _, kind := range []string{"Counter", "Gauge", "Histogram"} {
			if strings.HasPrefix(maker, "New"+kind) {
				kinds[n] = strings.ToLower(kind)
			}
		}
		if maker == "NewDesc" && strings.HasSuffix(n, "_total") {
			kinds[n] = "counter"
		}
		if list, ok := labels.(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				if l, ok := text(e); ok {
					out[n] = append(out[n], l)
				}
			}
		}
	}
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if s.test() || s.kit() {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				if f.Sel.Name == "NewDesc" && len(call.Args) == 4 {
					add(call.Args[0], call.Args[2], f.Sel.Name)
				}
				if opts, ok := call.Args[0].(*ast.CompositeLit); ok && strings.HasPrefix(f.Sel.Name, "New") {
					for _, e := range opts.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok {
							if k, ok := kv.Key.(*ast.Ident); ok && k.Name == "Name" {
								add(kv.Value, call.Args[len(call.Args)-1], f.Sel.Name)
							}
						}
					}
				}
			case *ast.Ident:
				if f.Name == "gauge" {
					add(call.Args[0], nil, f.Name)
				}
			}
			return true
		})
	}
	return out, kinds
}

// listOfMetrics is what the tests of deploy/check, a module of its own, know of the program.
const listOfMetrics = "deploy/check/promql/testdata/metrics.txt"

// TestTheListOfMetricsIsWhatTheProgramRegisters keeps that list: a metric a line, with its kind and its labels. go test -run ListOfMetrics
// -update . writes it.
func TestTheListOfMetricsIsWhatTheProgramRegisters(t *testing.T) {
	labels, kinds := metricsAndKinds(t)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(strings.TrimSpace(name+" "+kinds[name]+" "+strings.Join(labels[name], ",")) + "\n")
	}
	if *update {
		if err := os.WriteFile(listOfMetrics, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(read(t, listOfMetrics), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("%s is not what the program registers (-list +program); go test -run ListOfMetrics -update . writes it:\n%s", listOfMetrics, diff)
	}
}

func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

var (
	selected = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})?`)
	matcher  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*) *(?:=~|!~|!=|=) *"`)
	grouping = regexp.MustCompile(`\b(?:by|without) *\(([^)]*)\)`)
	used     = regexp.MustCompile(`\$labels\.([a-zA-Z0-9_]+)`)
)

// ofPromQL are the words of the language that the rules use. They are few on purpose: a word that is not here and is no metric
// of ours is refused.
var ofPromQL = []string{"max", "sum", "by", "or", "and", "absent", "time", "increase", "max_over_time", "abs"}

// unknownOfExpr says what an expression names that there is not, "" when there is all of it. scraped are the labels that a
// result carries: those that it groups by.
func unknownOfExpr(known map[string][]string, expr string) (why string, scraped []string) {
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(g[1], ",") {
			scraped = append(scraped, strings.TrimSpace(l))
		}
	}
	bare := regexp.MustCompile(`\[[0-9a-z]+\]`).ReplaceAllString(grouping.ReplaceAllString(expr, "by"), "")
	var labels []string
	found := false
	for _, m := range selected.FindAllStringSubmatch(bare, -1) {
		if slices.Contains(ofPromQL, m[1]) {
			continue
		}
		own, ok := known[m[1]]
		if !ok {
			return "there is no metric " + m[1], nil
		}
		found = true
		labels = append(labels, own...)
		for _, by := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(own, by[1]) || by[1] == "job" {
				return m[1] + " has no label " + by[1], nil
			}
		}
	}
	if !found {
		return "it looks at no metric", nil
	}
	for _, l := range scraped {
		// A scrape adds job and instance, and calls a job of ours exported_job.
		own := l == "job" || l == "instance" || l == "exported_job" && slices.Contains(labels, "job")
		if !own && !slices.Contains(labels, l) {
			return "no metric of it has label " + l, nil
		}
	}
	return "", scraped
}

// TestAlertsAskWhatTheProgramTells: each metric and label of each rule is there, and each rule says how bad it is, what it is, and
// what to read.
func TestAlertsAskWhatTheProgramTells(t *testing.T) {
	known := metrics(t)
	if len(known) < 15 {
		t.Fatalf("found only %d metrics; is this test still looking at the right place?", len(known))
	}
	files, err := filepath.Glob("deploy/alerts/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	camel := regexp.MustCompile(`^Backstitch([A-Z][a-z]+)+$`)
	for _, file := range files {
		var have rules
		if err := yaml.UnmarshalWithOptions([]byte(read(t, file)), &have, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range have.Groups {
			for _, r := range g.Rules {
				name := file + ": " + r.Alert
				if !camel.MatchString(r.Alert) {
					t.Errorf("%s is no CamelCase name of ours", name)
				}
				why, carried := unknownOfExpr(known, r.Expr)
				if why != "" {
					t.Errorf("%s: %s", name, why)
				}
				if s := r.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
					t.Errorf("%s: severity is %q", name, s)
				}
				for _, a := range []string{"summary", "description", "runbook_url"} {
					if r.Annotations[a] == "" {
						t.Errorf("%s has no %s", name, a)
					}
					for _, l := range used.FindAllStringSubmatch(r.Annotations[a], -1) {
						if !slices.Contains(carried, l[1]) {
							t.Errorf("%s: %s names label %s, which no result has", name, a, l[1])
						}
					}
					expand(t, name, r.Annotations[a], nil)
				}
				page := expand(t, name, r.Annotations["runbook_url"], nil)
				if _, err := os.Stat(page); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				served := expand(t, name, r.Annotations["runbook_url"], map[string]string{"backstitch_runbooks": "https://wiki/x"})
				if want := "https://wiki/x/" + filepath.Base(page); served != want {
					t.Errorf("%s: with an address runbook_url is %q, want %q", name, served, want)
				}
			}
		}
	}
}

// expand does with an annotation what Prometheus does, which puts these three variables in front of it.
func expand(t *testing.T, name, text string, external map[string]string) string {
	t.Helper()
	const vars = `{{$labels := .Labels}}{{$externalLabels := .External}}{{$value := .Value}}`
	tmpl, err := template.New(name).Option("missingkey=zero").Parse(vars + text)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	var b strings.Builder
	err = tmpl.Execute(&b, struct {
		Labels, External map[string]string
		Value            float64
	}{map[string]string{}, external, 3})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return b.String()
}

func TestUnknownOfExprSeesWhatIsWrong(t *testing.T) {
	known := map[string][]string{"backstitch_a": {"kind", "job"}, "backstitch_b": {}}
	for expr, ok := range map[string]bool{
		`max by (job) (backstitch_b) == 0 or absent(backstitch_b)`:                    true,
		`sum by (job, exported_job) (increase(backstitch_a{kind="missing"}[1h])) > 0`: true,
		`backstitch_a{kind!=""} > 10 * 1024`:                                          true,
		`backstitch_c > 0`:                                                            false,
		`backstitch_a{sort="missing"} > 0`:                                            false,
		`backstitch_a{job="bs-1"} > 0`:                                                false,
		`sum by (exported_job) (backstitch_b) > 0`:                                    false,
		`sum by (sort) (backstitch_a) > 0`:                                            false,
		`rate(backstitch_a[5m]) > 0`:                                                  false,
		`time() > 0`:                                                                  false,
		`max by (job) (backstitch_b) and sum(backstitch_d) == 0`:                      false,
	} {
		if why, _ := unknownOfExpr(known, expr); (why == "") != ok {
			t.Errorf("%s: got %q, want all of it there: %t", expr, why, ok)
		}
	}
}
