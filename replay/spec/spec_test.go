package spec

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the schema file anew")

func TestSchemaFileIsThatOfTheTypes(t *testing.T) {
	for _, f := range []*format{recoveryFormat, datasetFormat, flowFormat} {
		got, err := generate("./", f.name)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(f.name, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(got), string(f.schema)); diff != "" {
			t.Errorf("schema %s (-generated +file), write it anew with go test ./replay/spec -run Schema -update:\n%s", f.name, diff)
		}
	}
}

// parseAny parses either kind, as `spec validate` does.
func parseAny(name, text string) error {
	if KindOf([]byte(text)) == KindDataset {
		_, err := ParseDataset(name, []byte(text), Options{})
		return err
	}
	if KindOf([]byte(text)) == KindFlow {
		_, err := ParseFlow(name, []byte(text), Options{})
		return err
	}
	_, err := Parse(name, []byte(text), Options{})
	return err
}

func TestTemplatesParse(t *testing.T) {
	for _, kind := range InitKinds() {
		text, err := Init(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := parseAny(kind+".yaml", text); err != nil {
			t.Errorf("%s: got %v, want a spec", kind, err)
		}
		if !strings.HasPrefix(text, "# yaml-language-server: $schema=") {
			t.Errorf("%s: got no modeline", kind)
		}
		// What is commented out must be right, too: people take it in.
		var on strings.Builder
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, "  # "); ok {
				line = "  " + rest
			}
			on.WriteString(line)
		}
		if err := parseAny(kind+".yaml", on.String()); err != nil {
			t.Errorf("%s with its comments: got %v, want a spec", kind, err)
		}
	}
}

func TestExplainedDefaultsAreTheOnesThatApply(t *testing.T) {
	text, err := Init("dir")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse("x", []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	full := r.WithDefaults()
	for path, got := range map[string]any{
		"metadata.namespace":        full.Metadata.Namespace,
		"spec.select.only":          full.Spec.Select.Only,
		"spec.write.originHeaders":  *full.Spec.Write.OriginHeaders,
		"spec.write.commitRecords":  float64(full.Spec.Write.CommitRecords),
		"spec.write.commitInterval": string(full.Spec.Write.CommitInterval),
		"spec.write.maxQuarantine":  float64(full.Spec.Write.MaxQuarantine),
		"spec.schedule.priority":    float64(*full.Spec.Schedule.Priority),
		"spec.slices.bytes":         string(full.Spec.Slices.Bytes),
		"spec.slices.records":       float64(full.Spec.Slices.Records),
		"spec.source.dir.layout":    full.Spec.Source.Dir.Layout.Layout,
	} {
		field, def, ok := recoveryFormat.find(strings.Split(path, "."))
		want := field.Default
		if want == nil {
			want = def.Default
		}
		if !ok || got != want {
			t.Errorf("%s: applied %v, explained %v", path, got, want)
		}
	}
	if full.Spec.Source.Dir.Topic != "orders" {
		t.Errorf("source topic: got %q, want the target's", full.Spec.Source.Dir.Topic)
	}
	if r.Spec.Write != nil || r.Spec.Source.Dir.Topic != "" {
		t.Error("WithDefaults changed its receiver")
	}
}

// Each scenario is a file as a person writes it, and what they are told.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "explain":
				kind := ""
				if d.HasArg("dataset") {
					kind = KindDataset
				}
				if d.HasArg("flow") {
					kind = KindFlow
				}
				text, err := Explain(kind, strings.TrimSpace(d.Input))
				if err != nil {
					return err.Error() + "\n"
				}
				return text
			case "parse":
				opts := Options{}
				if d.HasArg("connections") {
					opts.Connections = map[string]string{"prod": "kafka", "archive": "s3"}
				}
				name := ""
				r, err := Parse("job.yaml", []byte(d.Input), opts)
				if err == nil {
					name = r.Metadata.Name
				}
				if d.HasArg("dataset") {
					var set *Dataset
					if set, err = ParseDataset("job.yaml", []byte(d.Input), opts); err == nil {
						name = set.Metadata.Name
					}
				}
				if d.HasArg("flow") {
					var f *Flow
					if f, err = ParseFlow("job.yaml", []byte(d.Input), opts); err == nil {
						name = f.Metadata.Name
					}
				}
				var bad *Error
				if errors.As(err, &bad) {
					if bad.ExitStatus() != 2 {
						t.Errorf("exit status: got %d, want 2", bad.ExitStatus())
					}
					return bad.Error() + "\n"
				}
				if err != nil {
					t.Fatal(err)
				}
				return "ok " + name + "\n"
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func TestUnits(t *testing.T) {
	for text, want := range map[Bytes]int64{"": 0, "7B": 7, "512KiB": 512 << 10, "64MiB": 64 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40} {
		if got, err := text.Parse(); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []Bytes{"5", "5MB", "-1B", "9999999999TiB", "99999999999999999999B"} {
		if got, err := text.Parse(); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
	for text, want := range map[Partitions][]int32{"": nil, "3": {3}, "5,0-2": {0, 1, 2, 5}, "1-3,2-4": {1, 2, 3, 4}} {
		got, err := text.Parse()
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("%q: %v (-got +want):\n%s", text, err, diff)
		}
	}
	for _, text := range []Partitions{"3-1", "0-2000000", "99999999999"} {
		if got, err := text.Parse(); err == nil {
			t.Errorf("%q: got %d numbers, want an error", text, len(got))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, kind := range InitKinds() {
		text, _ := Init(kind)
		f.Add([]byte(text))
	}
	f.Add([]byte("a: &x [*x, *x]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("f", data, Options{})
		var bad *Error
		if err == nil {
			_ = r.WithDefaults()
		} else if errors.As(err, &bad) && len(bad.Problems) == 0 {
			t.Error("got an error without problems")
		}
		if flow, err := ParseFlow("f", data, Options{}); err == nil {
			if _, err := flow.WithDefaults().Graph(); err != nil {
				t.Errorf("a flow that was accepted has no graph: %v", err)
			}
		}
		set, err := ParseDataset("f", data, Options{})
		if err == nil {
			_ = set.WithDefaults()
		} else if errors.As(err, &bad) && len(bad.Problems) == 0 {
			t.Error("got an error without problems")
		}
	})
}
