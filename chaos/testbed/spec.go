package testbed

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Spec is what a person writes about a job. A zero value leaves the program its default.
type Spec struct {
	Name           string
	Source, Target Place
	CommitRecords  int64
	MaxQuarantine  int64
	SliceRecords   int64
	SliceBytes     string // with unit
	Upto           int64  // position in the reference to stop at; 0 for everything
	Throttle       string // what stands in braces there
}

// Place is where records come from or go to.
type Place struct {
	kind     string
	settings []string // "key: value"
}

// InS3 is an archive in the fleet's S3, with further settings as "key: value".
func InS3(bucket, prefix string, more ...string) Place {
	return Place{"s3", append([]string{"connection: " + S3Connection, "bucket: " + bucket, "prefix: " + prefix}, more...)}
}

// InDir is a directory, with further settings as "key: value".
func InDir(path string, more ...string) Place {
	return Place{"dir", append([]string{"path: " + path}, more...)}
}

// InKafka is a topic of the fleet's broker, with further settings as "key: value".
func InKafka(topic string, more ...string) Place {
	return Place{"kafka", append([]string{"connection: " + KafkaConnection, "topic: " + topic}, more...)}
}

func (p Place) String() string {
	return "    " + p.kind + ":\n      " + strings.Join(p.settings, "\n      ") + "\n"
}

// String is the spec as YAML.
func (s Spec) String() string {
	text := fmt.Sprintf("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata:\n  name: %s\nspec:\n  source:\n%s  target:\n%s", s.Name, s.Source, s.Target)
	if s.Upto > 0 {
		text += fmt.Sprintf("  range:\n    offsets: {from: 0, to: %d}\n", s.Upto)
	}
	if s.CommitRecords > 0 || s.MaxQuarantine > 0 {
		text += "  write:\n"
	}
	if s.CommitRecords > 0 {
		text += fmt.Sprintf("    commitRecords: %d\n", s.CommitRecords)
	}
	if s.MaxQuarantine > 0 {
		text += fmt.Sprintf("    maxQuarantine: %d\n", s.MaxQuarantine)
	}
	if s.SliceRecords > 0 || s.SliceBytes != "" {
		text += "  slices:\n"
	}
	if s.SliceBytes != "" {
		text += "    bytes: " + s.SliceBytes + "\n"
	}
	if s.SliceRecords > 0 {
		text += fmt.Sprintf("    records: %d\n", s.SliceRecords)
	}
	if s.Throttle != "" {
		text += "  throttle: {" + s.Throttle + "}\n"
	}
	return text
}

// Write writes the spec to a file.
func (s Spec) Write(t testing.TB, path string) {
	t.Helper()
	write(t, path, s.String())
}

// Plan writes a spec and its plan into dir, under the job's name, and returns both paths. There has to be something to do.
func (f *Fleet) Plan(t testing.TB, dir string, s Spec) (spec, plan string) {
	t.Helper()
	spec, plan = filepath.Join(dir, s.Name+".yaml"), filepath.Join(dir, s.Name+".plan")
	s.Write(t, spec)
	if r := f.Run(t, "plan", "-f", spec, "--out", plan, "--detailed-exitcode", "-q"); r.Status != ExitWorkFound {
		t.Fatalf("plan: exit status %d, want %d\n%s%s", r.Status, ExitWorkFound, r.Stdout, r.Stderr)
	}
	return spec, plan
}

// Submit starts a planned job and does not wait for it.
func (f *Fleet) Submit(t testing.TB, plan string) {
	t.Helper()
	f.Must(t, "run", plan, "--detach", "--yes", "-q")
}
