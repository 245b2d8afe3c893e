package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"backstitch/replay/gap"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

// The report as one page that needs nothing else. It is a pure function of the file, which it holds: whoever checks it makes it again
// and compares, so what people see can not be changed either. No script runs in it, and its one style is allowed by its hash.

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

const htmlPrefix = "<!DOCTYPE html>"

// maxShown is how many windows a page lists. Beyond that only those that differ are listed.
const maxShown = 4096

type page struct {
	R                               *Report
	T                               totals
	Title, Level, Meaning, ReadBack string
	SignatureText, NotSigned        string
	Key, Sum                        string
	StyleHash                       template.HTMLAttr
	Style                           template.CSS
	Checks                          []check
	NotChecked, Bad                 []string
	Heat                            heatmap
	Before, After                   drawing
	Partitions                      []pagePartition
	Embedded                        template.JS
}

type pagePartition struct {
	Comparison
	Name   string
	Shown  []pageWindow
	Hidden int
}

type pageWindow struct {
	Window
	N     int
	Begin string
	Same  bool
}

// HTML is the file as a page.
func (f *File) HTML() ([]byte, error) {
	r := f.Report
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{
		R: r, T: r.totals(), Title: title(r.Verdict), Level: levelText(r.Evidence), ReadBack: r.readBack(), SignatureText: f.signatureText(),
		NotSigned: f.NotSigned, Meaning: meaning(r.Verdict), Bad: r.bad(), Key: hex.EncodeToString(f.Key), Sum: hex.EncodeToString(f.Sum[:]), Style: template.CSS(pageStyle), // #nosec G203 -- the style is a constant
		StyleHash: template.HTMLAttr("sha256-" + base64.StdEncoding.EncodeToString(sum[:])), Checks: r.checks(), NotChecked: r.notChecked(), // #nosec G203 -- a hash in base64
		Heat: r.heat(), Embedded: template.JS(embed(f.text)), // #nosec G203 -- embed leaves no <, and the block is data that no browser runs
	}
	p.Before, p.After = p.Heat.draw(false), p.Heat.draw(true)
	windows := 0
	for _, c := range r.Comparisons {
		windows += len(c.Windows)
	}
	for _, c := range r.Comparisons {
		out := pagePartition{Comparison: c, Name: gap.Name(r.Dataset, c.Partition)}
		for i, w := range c.Windows {
			same := w.Expected == w.Actual
			if same && windows > maxShown {
				out.Hidden++
				continue
			}
			begin := ""
			if w.ToMs > 0 {
				begin = moment(w.FromMs)
			}
			out.Shown = append(out.Shown, pageWindow{w, i + 1, begin, same})
		}
		p.Partitions = append(p.Partitions, out)
	}
	t, err := template.New("page").Funcs(template.FuncMap{"count": gap.Count, "node": r.nodeName, "clock": clock}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("page of report %s: %w", r.Proof, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("page of report %s: %w", r.Proof, err)
	}
	return b.Bytes(), nil
}

// clock shortens a time to what a person reads.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return at
	}
	return t.Format("2006-01-02 15:04:05.000")
}

// A script element ends at the first "</script", so the one letter that could begin one is escaped, which JSON allows.

const (
	scriptBegin = `<script type="application/json" id="report">`
	scriptEnd   = "</script>\n</body>"
	escapedLess = `\u003c`
)

func embed(text []byte) string {
	return strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "<", escapedLess)
}

// extract undoes embed. A backslash that is itself escaped begins nothing.
func extract(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], escapedLess):
			b.WriteByte('<')
			i += len(escapedLess) - 1
		case text[i] == '\\' && i+1 < len(text):
			b.WriteString(text[i : i+2])
			i++
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String() + "\n"
}

func decodeHTML(name string, text []byte) (*File, error) {
	_, rest, begins := strings.Cut(string(text), scriptBegin)
	inside, _, ends := strings.Cut(rest, scriptEnd)
	if !begins || !ends {
		return nil, edited(name, "the element of the page that holds the report")
	}
	f, err := decodeJSON(name, []byte(extract(inside)))
	if err != nil {
		return nil, err
	}
	again, err := f.HTML()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, text) {
		return nil, edited(name, fmt.Sprintf("line %d of the page; the report inside is whole (a page of another version of backstitch looks like that, too)", firstLine(again, text)))
	}
	return f, nil
}

// firstLine is the number of the first line in which two texts differ.
func firstLine(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return 1 + bytes.Count(b[:n], []byte("\n"))
}
