package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/report"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode reads files that claim to be reports, and such as a stranger makes who knows how they are sealed. A file is refused in a few words, or it is one that
// this program writes in the same bytes; and a page of it is read as the same report, and runs nothing that stands in its texts.
func FuzzDecode(f *testing.F) {
	for name, p := range cases() {
		file := seal(f, made(p))
		page, err := file.HTML()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file.JSON(), false)
		f.Add(page, false)
		doc, err := json.Marshal(made(p))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc, true)
		f.Add(bytes.ReplaceAll(doc, []byte("orders"), []byte("<script>x</script>]]>--")), true)
		if name == "fail" {
			f.Add(bytes.ReplaceAll(doc, []byte("1000"), []byte("9223372036854775807")), true)
		}
	}
	for _, name := range []string{"fail.json", "fail.html", "incident.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		if sealed {
			var r report.Report
			if json.Unmarshal(text, &r) != nil {
				return
			}
			file, err := r.Seal(clusterKey, "")
			if err != nil {
				return
			}
			text = file.JSON()
		}
		got, err := report.Decode("r", text)
		if err != nil {
			var bad *report.Error
			if !errors.As(err, &bad) || bad.Code == "" || len(err.Error()) > 4096+2*len(text) {
				t.Errorf("refused with %.300v", err)
			}
			return
		}
		again, err := report.Decode("r", got.JSON())
		if err != nil {
			t.Fatalf("its own JSON is refused: %v", err)
		}
		if diff := cmp.Diff(got.Report, again.Report); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		if err := got.WriteText(&strings.Builder{}); err != nil {
			t.Errorf("as text: %v", err)
		}
		page, err := got.HTML()
		if err != nil {
			return // there is a bound for pages
		}
		if bytes.Contains(page, []byte("<script>x")) {
			t.Error("what stands in a text is a part of the page")
		}
		read, err := report.Decode("r", page)
		if err != nil {
			t.Fatalf("its own page is refused: %v", err)
		}
		if diff := cmp.Diff(got.Report, read.Report); diff != "" {
			t.Errorf("read from its page (-first +again):\n%s", diff)
		}
	})
}
