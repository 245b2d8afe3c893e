package spec

import (
	"fmt"
	"regexp"
	"strings"
)

// Codes of problems. They are stable.
const (
	CodeSyntax    = "BST-E2001" // not YAML
	CodeUnknown   = "BST-E2002" // a key that there is not
	CodeType      = "BST-E2003" // a list where a word belongs, and the like
	CodeUnit      = "BST-E2004" // a magnitude without unit, or another form
	CodeValue     = "BST-E2005" // not one of the allowed values
	CodeRequired  = "BST-E2006" // a key is missing
	CodeOneOf     = "BST-E2007" // none or several of a choice
	CodeEmpty     = "BST-E2010" // the range holds nothing
	CodeSame      = "BST-E2011" // source and target are the same, or swapped
	CodeConnect   = "BST-E2012" // a connection that is not configured
	CodeTogether  = "BST-E2013" // fields that exclude each other
	CodeDuplicate = "BST-E2014" // a key is there twice
	CodeTwice     = "BST-E2016" // two entries of a list are the same, or have one name
	CodeCalendar  = "BST-E2018" // windows that nobody can have meant
	CodeDeadline  = "BST-E2019" // a deadline that can not be meant
	CodeSecret    = "BST-E2017" // a secret itself where a reference belongs

	CodeCycle      = "BST-E1301" // steps of a flow need each other
	CodeNoStep     = "BST-E1302" // a step that there is not
	CodeGate       = "BST-E1303" // a gate on what is not needed, or leaves no proof
	CodeStep       = "BST-E1304" // a step that does nothing, or several things
	CodeRetry      = "BST-E1305" // pauses that contradict each other
	CodeUndo       = "BST-E1210" // a step is undone by what can not undo it
	CodeExec       = "BST-E1211" // a program can not be run as a step wants it
	CodeNoRecovery = "BST-E1306" // a step uses a file of another kind

	CodeExpression   = "BST-E1152" // an expression can not be compiled
	CodeModuleDigest = "BST-E1156" // a WebAssembly module has another digest than the spec says
	CodeModule       = "BST-E1157" // a WebAssembly module can not be used
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	Code    string `json:"code"`
	Path    string `json:"path"`   // dotted, e.g. spec.write.commitInterval
	Line    int    `json:"line"`   // from 1, 0 when there is no place
	Column  int    `json:"column"` // from 1
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to write
	Excerpt string `json:"-"`              // the line and a caret under the place

	// within is a place in the text at Path, both from 1; zero for its beginning.
	within struct{ line, column int }
}

// Error is everything that is wrong with a file.
type Error struct {
	File     string
	Problems []Problem // by place
}

// Error lists all problems. The first line is a title.
func (e *Error) Error() string {
	var b strings.Builder
	noun := "problems"
	if len(e.Problems) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&b, "the spec %s has %d %s", e.File, len(e.Problems), noun)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n%s:%d:%d: %s %s", e.File, p.Line, p.Column, p.Code, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, " (%s)", p.Hint)
		}
		for line := range strings.Lines(p.Excerpt) {
			b.WriteString("\n" + strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}

// ErrorCode returns the code of the first problem. A key that is misspelled is unknown under one name and missing under
// another; the unknown one is the mistake.
func (e *Error) ErrorCode() string {
	for _, p := range e.Problems {
		if p.Code == CodeUnknown {
			return p.Code
		}
	}
	return e.Problems[0].Code
}

// ExitStatus returns that of an invalid spec.
func (e *Error) ExitStatus() int { return 2 }

// Next says what to type.
func (e *Error) Next() string {
	if e.File == CommandLine {
		return "change the flags; what each stands for: backstitch spec explain spec"
	}
	return "mend it, then: backstitch spec validate " + e.File
}

// CommandLine is the name of a spec that was said in flags.
const CommandLine = "command line"

// login is the part of an address that says who asks.
var login = regexp.MustCompile(`[^\s"'<>]*:[^\s"'<>]*@`)

// withoutLogin takes users and passwords of addresses out of what is said.
func withoutLogin(s string) string { return login.ReplaceAllString(s, "...@") }

// hideValue puts dots over what stands behind the key at column of a line: under a misspelled key there may be a secret.
func hideValue(line string, column int) string {
	runes := []rune(line)
	at := min(max(column-1, 0), len(runes))
	block := strings.Trim(string(runes[:at]), " -") == "" // the value goes on to the end of the line
	for ; at < len(runes) && runes[at] != ':'; at++ {
		// the key
	}
	for at++; at < len(runes) && runes[at] == ' '; at++ {
		// what is between them
	}
	quote := rune(0)
	if at < len(runes) && strings.ContainsRune(`"'[{`, runes[at]) {
		quote = map[rune]rune{'[': ']', '{': '}'}[runes[at]]
		if quote == 0 {
			quote = runes[at]
		}
		runes[at], at = '.', at+1
	}
	for ; at < len(runes); at++ {
		if !block && (quote == 0 && strings.ContainsRune(",}]", runes[at]) || runes[at] == quote && runes[at-1] != '\\') {
			break
		}
		if runes[at] != '\r' {
			runes[at] = '.'
		}
	}
	return string(runes)
}

// excerpt returns one of lines and a caret under column.
func excerpt(lines []string, line, column int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	margin := fmt.Sprintf("  %4d | ", line)
	pad := strings.Repeat(" ", len(margin)-2) + "| "
	return margin + strings.TrimRight(lines[line-1], "\r") + "\n" + pad + strings.Repeat(" ", max(column-1, 0)) + "^\n"
}
