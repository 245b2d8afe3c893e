package promql

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// metric is what the program says about one of its metrics.
type metric struct {
	Kind   string   // counter, gauge or histogram
	Labels []string // its own
}

// vocabulary are metrics by name.
type vocabulary map[string]metric

// ours is what every process tells besides, by the collectors that it registers, and up, which Prometheus adds.
var ours = vocabulary{
	"up":                            {Kind: "gauge"},
	"process_resident_memory_bytes": {Kind: "gauge"},
	"process_cpu_seconds_total":     {Kind: "counter"},
	"process_open_fds":              {Kind: "gauge"},
	"process_max_fds":               {Kind: "gauge"},
	"go_goroutines":                 {Kind: "gauge"},
}

// readVocabulary reads a list of metrics: name, kind and labels in a line.
func readVocabulary(file string) (vocabulary, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := vocabulary{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch len(words) {
		case 2:
			out[words[0]] = metric{Kind: words[1]}
		case 3:
			out[words[0]] = metric{Kind: words[1], Labels: strings.Split(words[2], ",")}
		default:
			return nil, fmt.Errorf("%s: %q is not name, kind and labels", file, lines.Text())
		}
	}
	return out, lines.Err()
}

// find looks a series up: a histogram has several.
func (k vocabulary) find(series string) (metric, bool) {
	if m, ok := ours[series]; ok {
		return m, true
	}
	if m, ok := k[series]; ok {
		return m, m.Kind != "histogram"
	}
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(series, end)
		if m, known := k[base]; ok && known && m.Kind == "histogram" {
			labels := slices.Clone(m.Labels)
			if end == "_bucket" {
				labels = append(labels, "le")
			}
			return metric{Kind: "counter", Labels: labels}, true
		}
	}
	return metric{}, false
}

// query parses an expression of PromQL and holds it to what there is. It returns the metrics that it looks at, and the labels that a
// result can have.
func (k vocabulary) query(expr string) (metrics, labels []string, err error) {
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil, nil, err
	}
	q := walk{known: k}
	labels = q.labels(tree)
	if q.err == nil && len(q.metrics) == 0 {
		q.err = fmt.Errorf("it looks at no metric")
	}
	return q.metrics, labels, q.err
}

type walk struct {
	known   vocabulary
	metrics []string
	err     error // the first
}

func (q *walk) fail(format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf(format, args...)
	}
}

// scraped are the labels of a series as Prometheus keeps it with honor_labels: false: a scrape adds job and instance, and what was
// called so by the program gets exported_ in front.
func scraped(own []string) []string {
	out := []string{"job", "instance"}
	for _, l := range own {
		if l == "job" || l == "instance" {
			l = "exported_" + l
		}
		out = append(out, l)
	}
	return out
}

// series looks a selector up.
func (q *walk) series(s *parser.VectorSelector) (metric, []string) {
	m, ok := q.known.find(s.Name)
	if !ok {
		q.fail("there is no metric %s", s.Name)
		return m, nil
	}
	q.metrics = append(q.metrics, s.Name)
	labels := scraped(m.Labels)
	for _, match := range s.LabelMatchers {
		if match.Name != "__name__" && !slices.Contains(labels, match.Name) {
			q.fail("%s has no label %s", s.Name, match.Name)
		}
	}
	return m, labels
}

// ofCounters are the functions that make sense of counters alone.
var ofCounters = []string{"rate", "irate", "increase", "resets"}

// labels are what a result of e can have.
func (q *walk) labels(e parser.Expr) []string {
	switch e := e.(type) {
	case *parser.VectorSelector:
		_, labels := q.series(e)
		return labels
	case *parser.MatrixSelector:
		return q.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return q.labels(e.Expr)
	case *parser.ParenExpr:
		return q.labels(e.Expr)
	case *parser.UnaryExpr:
		return q.labels(e.Expr)
	case *parser.StepInvariantExpr:
		return q.labels(e.Expr)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return nil
	case *parser.Call:
		return q.call(e)
	case *parser.AggregateExpr:
		return q.aggregate(e)
	case *parser.BinaryExpr:
		return q.binary(e)
	}
	q.fail("%T is not understood", e)
	return nil
}

func (q *walk) call(e *parser.Call) []string {
	var out []string
	for _, arg := range e.Args {
		labels := q.labels(arg)
		if m, ok := arg.(*parser.MatrixSelector); ok {
			s := m.VectorSelector.(*parser.VectorSelector)
			if known, ok := q.known.find(s.Name); ok && slices.Contains(ofCounters, e.Func.Name) && known.Kind != "counter" {
				q.fail("%s of %s, which is a %s", e.Func.Name, s.Name, known.Kind)
			}
		}
		out = append(out, labels...)
	}
	switch e.Func.Name {
	case "absent", "absent_over_time", "scalar", "time", "vector":
		return nil
	case "histogram_quantile":
		if !slices.Contains(out, "le") {
			q.fail("histogram_quantile of what has no le")
		}
		return slices.DeleteFunc(out, func(l string) bool { return l == "le" })
	}
	return out
}

func (q *walk) aggregate(e *parser.AggregateExpr) []string {
	have := q.labels(e.Expr)
	if m := q.err; m != nil {
		return nil
	}
	for _, l := range e.Grouping {
		if !slices.Contains(have, l) {
			q.fail("%s by %s, which no metric of it has", e.Op, l)
		}
	}
	if e.Without {
		return slices.DeleteFunc(have, func(l string) bool { return slices.Contains(e.Grouping, l) })
	}
	return e.Grouping
}

func (q *walk) binary(e *parser.BinaryExpr) []string {
	left, right := q.labels(e.LHS), q.labels(e.RHS)
	if e.VectorMatching != nil && q.err == nil {
		for _, l := range e.VectorMatching.MatchingLabels {
			if !slices.Contains(left, l) || !slices.Contains(right, l) {
				q.fail("%s matches by %s, which a side does not have", e.Op, l)
			}
		}
	}
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return right
	case e.RHS.Type() == parser.ValueTypeScalar, e.Op == parser.LAND, e.Op == parser.LUNLESS:
		return left
	case e.Op == parser.LOR:
		return append(left, right...)
	}
	// One to one: what both have.
	return slices.DeleteFunc(slices.Clone(left), func(l string) bool { return !slices.Contains(right, l) })
}
