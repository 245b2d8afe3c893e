package backstitch

import (
	"go/ast"
	"go/parser"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the documents that people read first.
func pages(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, "README.md", "CHANGELOG.md")
}

// manuals are all documents with commands: the pages, and what is read at night.
func manuals(t *testing.T) []string {
	t.Helper()
	runbooks, err := filepath.Glob("deploy/runbooks/*.md")
	if err != nil || len(runbooks) == 0 {
		t.Fatalf("runbooks: %v, %v", runbooks, err)
	}
	return append(pages(t), runbooks...)
}

// command is what the program's own help says about one command.
type command struct {
	flags map[string]bool // "--addr", "-o"
	subs  bool            // has commands below it
	args  bool            // takes words of its own, also when it has commands below it
}

var (
	helpFlag  = regexp.MustCompile(`^ +(?:(-[a-zA-Z]), )?(--[a-z0-9-]+)`)
	helpArgs  = regexp.MustCompile(`(?m)^  backstitch(?: [a-z-]+)* \[?[A-Z]`)
	helpAlias = regexp.MustCompile(`(?m)^Aliases:\n  (.*)$`)
)

// commands reads the golden file of all help texts, which a test of cmd/backstitch compares with the program.
func commands(t *testing.T) map[string]*command {
	t.Helper()
	out := map[string]*command{}
	for _, section := range strings.Split(read(t, "cmd/backstitch/testdata/help.golden"), "===== ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		c := &command{flags: map[string]bool{"-h": true, "--help": true}, subs: strings.Contains(body, " [command]\n"), args: helpArgs.MatchString(body)}
		for line := range strings.Lines(body) {
			if m := helpFlag.FindStringSubmatch(line); m != nil {
				c.flags[m[1]], c.flags[m[2]] = true, true
			}
		}
		out[name] = c
		if m := helpAlias.FindStringSubmatch(body); m != nil {
			for alias := range strings.SplitSeq(m[1], ", ") {
				out[name[:strings.LastIndex(name, " ")+1]+alias] = c
			}
		}
	}
	return out
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	inline = regexp.MustCompile("`(backstitch [^`\n]+)`")
	// invocation finds the program at the beginning of a line, after a prompt, and after what a shell puts before a command.
	invocation = regexp.MustCompile(`(?m)(?:^ *(?:\$ )?(?:[A-Z_]+=\S+ )*|[|&(;] *|exec )backstitch( .*)?$`)
)

// invocations are the command lines of a page: in blocks of code, and in running text between backticks.
func invocations(text string) []string {
	var out []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		joined := strings.ReplaceAll(block[1], "\\\n", " ")
		for _, m := range invocation.FindAllStringSubmatch(joined, -1) {
			out = append(out, "backstitch"+m[1])
		}
	}
	for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, m[1])
	}
	return out
}

// TestDocumentedCommandsExist looks up every command and flag that the documents show.
func TestDocumentedCommandsExist(t *testing.T) {
	known := commands(t)
	seen := 0
	for _, file := range manuals(t) {
		for _, line := range invocations(read(t, file)) {
			seen++
			if why := unknownCommand(known, line); why != "" {
				t.Errorf("%s: %s\n  %s", file, line, why)
			}
		}
	}
	// What a report tells people to type is in its golden file.
	golden := "replay/report/testdata/incident.txt"
	_, list, _ := strings.Cut(read(t, golden), "\n  Commands\n")
	told := invocation.FindAllStringSubmatch(list, -1)
	for _, m := range told {
		if why := unknownCommand(known, "backstitch"+m[1]); why != "" {
			t.Errorf("%s: backstitch%s\n  %s", golden, m[1], why)
		}
	}
	if len(told) < 6 {
		t.Errorf("%s: found only %d commands", golden, len(told))
	}
	if seen < 60 {
		t.Errorf("found only %d command lines; is this test still looking at the right place?", seen)
	}
}

// unknownCommand says what of a command line there is not, "" when there is all of it.
func unknownCommand(known map[string]*command, line string) string {
	line, _, _ = strings.Cut(line, " #")
	for _, end := range []string{"|", ">", ";", "&", ")", "`"} {
		line, _, _ = strings.Cut(line, end)
	}
	words := strings.Fields(line)
	name := "backstitch"
	words = words[1:]
	for len(words) > 0 && known[name] != nil && known[name].subs && !strings.HasPrefix(words[0], "-") {
		if words[0] == "..." {
			return ""
		}
		if known[name].args && known[name+" "+words[0]] == nil {
			break
		}
		name += " " + words[0]
		words = words[1:]
	}
	c := known[name]
	if c == nil {
		return "there is no command " + name
	}
	// A spec says what is compared: the flags that say it, too, are refused beside one.
	if slices.Contains(words, "-f") && c.flags["--file"] && c.flags["--archive"] {
		for _, w := range words {
			if slices.Contains([]string{"--kafka", "--archive", "--s3", "--range", "--partitions"}, w) {
				return w + " and -f exclude each other"
			}
		}
	}
	for _, w := range words {
		w, _, _ = strings.Cut(w, "=")
		w = strings.Trim(w, "[],.\"'")
		if strings.HasPrefix(w, "-") && len(w) > 1 && !c.flags[w] {
			return name + " has no flag " + w
		}
	}
	return ""
}

func TestUnknownCommandSeesWhatIsWrong(t *testing.T) {
	known := commands(t)
	for line, want := range map[string]bool{
		"backstitch demo": true,
		"backstitch cluster raft list-peers --addr x:1":        true,
		"backstitch apply orders.plan":                         true,
		"backstitch plan -f a.yaml -o a.plan | head":           true,
		"backstitch cluster leader step-down":                  true,
		"backstitch demonstrate":                               false,
		"backstitch gaps explain g-51c9d2.1 -f orders.yaml":    true,
		"backstitch gaps explain sink g-51c9d2.1 orders":       true,
		"backstitch gaps explain sink --versions":              false,
		"backstitch gaps enumerate":                            false,
		"backstitch gaps list -f a.yaml --range @-1h:end":      false,
		"backstitch cluster raft list-friends":                 false,
		"backstitch plan --no-such-flag":                       false,
		"backstitch status bs-1 -z":                            false,
		"backstitch cluster snapshot save --confirm b.snap":    false,
		"backstitch gaps heatmap orders --detailed-exitcode=1": true,
	} {
		if got := unknownCommand(known, line) == ""; got != want {
			t.Errorf("%s: exists: got %t, want %t", line, got, want)
		}
	}
}

var testRef = regexp.MustCompile("`([a-z][a-z0-9/]*)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)`")

// TestDocumentedTestsExist looks up every test that the documents name as `package.TestName`: a guarantee is only worth
// writing down while something checks it.
func TestDocumentedTestsExist(t *testing.T) {
	have := map[string]bool{}
	for _, s := range sources(t, parser.SkipObjectResolution) {
		for _, decl := range s.tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && s.test() && f.Recv == nil {
				have[path.Dir(s.file)+"."+f.Name.Name] = true
			}
		}
	}
	seen := 0
	for _, file := range append(pages(t), "chaos/STORIES.md") {
		for _, m := range testRef.FindAllStringSubmatch(read(t, file), -1) {
			seen++
			if !have[m[1]+"."+m[2]] {
				t.Errorf("%s names test %s.%s, and there is none", file, m[1], m[2])
			}
		}
	}
	if seen < 20 {
		t.Errorf("found only %d tests named; is this test still looking at the right place?", seen)
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)\s]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range manuals(t) {
		for _, target := range matches(link, read(t, file)) {
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s links to %s: %v", file, target, err)
			}
		}
	}
}

func TestEveryPageIsLinkedFromTheREADME(t *testing.T) {
	links := matches(link, read(t, "README.md"))
	for _, file := range pages(t) {
		if strings.HasPrefix(file, "docs/") && !slices.Contains(links, file) {
			t.Errorf("README.md has no link to %s", file)
		}
	}
}
