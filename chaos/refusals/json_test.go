//go:build process

package refusals

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"backstitch/chaos/testbed"
)

// endless are commands that run until they are told to end; they print one JSON value when they are up, or a line each time that there is one.
var endless = []string{"dev", "demo", "audit tail"}

// everyCommandPrintsJSON walks the whole tree of commands, as the program's own help shows it. Whatever a command comes to,
// stdout is nothing or JSON.
func (s *site) everyCommandPrintsJSON(t *testing.T) {
	empty := t.TempDir()
	leaves := s.leaves(t)
	if len(leaves) < 40 {
		t.Fatalf("the help shows %d commands: %q", len(leaves), leaves)
	}
	for _, words := range leaves {
		if slices.Contains(endless, strings.Join(words, " ")) {
			continue
		}
		for _, format := range []string{"json", "jsonl"} {
			r := s.commandIn(t, empty, append(slices.Clone(words), "-o", format)...)
			isJSON(t, strings.Join(words, " ")+" -o "+format, format, r)
		}
	}
	// Those that need arguments, with arguments that work.
	s.lose(t)
	topic := []string{"--kafka", testbed.KafkaConnection, "--archive", s.archive(), "--s3", testbed.S3Connection}
	spec := s.spec(t, "json")
	plan := strings.TrimSuffix(spec, ".yaml") + ".plan"
	snapshot, pki := filepath.Join(empty, "snapshot"), filepath.Join(empty, "pki")
	working := [][]string{
		{"archive", "orders", filepath.Join(empty, "archive"), "--kafka", testbed.KafkaConnection},
		append([]string{"gaps", "list", "orders"}, topic...),
		append([]string{"gaps", "heatmap", "orders"}, topic...),
		{"plan", "-f", spec, "--out", plan},
		{"run", plan, "--dry-run"},
		{"run", plan, "--detach"},
		{"pause", "json"},
		{"resume", "json"},
		{"wait", "json"},
		{"status", "json"},
		{"verify", "json"},
		{"report", "show", "json"},
		{"run", "-f", spec, "--yes"},
		{"spec", "validate", spec},
		{"spec", "explain", "spec.write"},
		{"spec", "init", "s3"},
		{"completion", "bash"},
		{"config", "validate", "--data-dir", empty},
		{"cluster", "snapshot", "save", snapshot},
		{"cluster", "snapshot", "inspect", snapshot},
		{"cluster", "snapshot", "verify", snapshot},
		{"cluster", "ca", pki},
		{"cluster", "cert", pki, "node-a"},
		{"cluster", "drain", "node-c", "--yes"},
		{"cluster", "uncordon", "node-c"},
		{"cluster", "raft", "list-peers"},
		{"cluster", "leader", "transfer"},
		{"doctor", "--kafka", testbed.KafkaConnection, "--topic", "orders", "--archive", s.archive(), "--s3", testbed.S3Connection},
	}
	for _, args := range working {
		r := s.command(t, append(args, "-o", "json")...)
		if r.status != 0 || r.stdout == "" {
			t.Errorf("%s: exit status %d and %d bytes, want 0 and some\n%s", strings.Join(args, " "), r.status, len(r.stdout), r.stderr)
		}
		isJSON(t, strings.Join(args, " "), "json", r)
	}
}

// isJSON holds stdout to its format: one value for json, one per line for jsonl, or nothing.
func isJSON(t *testing.T, line, format string, r result) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	n := 0
	for ; ; n++ {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s: stdout is not JSON: %v\n%.500s", line, err, r.stdout)
			return
		}
	}
	if format == "json" && n > 1 {
		t.Errorf("%s: %d values on stdout, want one", line, n)
	}
	if r.status == 0 {
		return
	}
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	var e said
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); n == 0 && (err != nil || e.Code == "" || e.Exit != r.status) {
		t.Errorf("%s: exit status %d, and the last line of stderr is not the error in JSON: %v\n%s", line, r.status, err, r.stderr)
	}
	if e.Code == "BST-E4099" {
		t.Errorf("%s: no code of its own: %+v", line, e)
	}
}

// named is a line of help that names a command.
var named = regexp.MustCompile(`^  ([a-z][a-z-]*) {2,}\S`)

// leaves are the commands without further commands, as people find them: by asking for help.
func (s *site) leaves(t *testing.T) [][]string {
	t.Helper()
	var out [][]string
	var visit func(words []string)
	visit = func(words []string) {
		help := s.must(t, 0, append(slices.Clone(words), "--help")...).stdout
		commands, _, _ := strings.Cut(help, "\nFlags:\n")
		_, commands, _ = strings.Cut(commands, "\nUsage:\n")
		commands, _, _ = strings.Cut(commands, "\nExamples:\n")
		leaf := true
		for line := range strings.Lines(commands) {
			if m := named.FindStringSubmatch(line); m != nil && m[1] != "backstitch" && m[1] != "help" {
				leaf = false
				visit(append(slices.Clone(words), m[1]))
			}
		}
		if leaf {
			out = append(out, words)
		}
	}
	visit(nil)
	return out
}

// commandIn is command in another directory, for commands that write where they are.
func (s *site) commandIn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return execute(t, dir, s.environment(), args...)
}
