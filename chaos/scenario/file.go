package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"backstitch/chaos/fault"
)

// The file as it is written. Values with a unit are text here and are read in validate.go, which knows their places.

type file struct {
	Name     string       `yaml:"name"`
	Story    string       `yaml:"story,omitempty"`
	Promise  string       `yaml:"promise"`
	Seed     uint64       `yaml:"seed,omitempty"`
	Topology topologyFile `yaml:"topology"`
	Workload workloadFile `yaml:"workload,omitempty"`
	Before   []string     `yaml:"before,omitempty"`
	Between  []string     `yaml:"between,omitempty"`
	Timeline []string     `yaml:"timeline,omitempty"`
	Random   *randomFile  `yaml:"random,omitempty"`
	Layers   []string     `yaml:"layers,flow"`
	Expects  expectsFile  `yaml:"expects,omitempty"`
	Limit    string       `yaml:"limit"`
}

type topologyFile struct {
	Nodes   int `yaml:"nodes"`
	Workers int `yaml:"workers,omitempty"`
}

type workloadFile struct {
	Records    int64    `yaml:"records,omitempty"`
	Partitions int      `yaml:"partitions,omitempty"`
	Keys       int64    `yaml:"keys,omitempty"`
	Value      string   `yaml:"value,omitempty"`
	Topic      string   `yaml:"topic,omitempty"`
	Layout     string   `yaml:"layout,omitempty"`
	Lost       lostFile `yaml:"lost,omitempty"`
	Live       string   `yaml:"live,omitempty"`
}

type lostFile struct {
	How     string `yaml:"how,omitempty"`
	Share   string `yaml:"share,omitempty"`
	Runs    int    `yaml:"runs,omitempty"`
	Singles int64  `yaml:"singles,omitempty"`
}

type randomFile struct {
	Kinds    []string `yaml:"kinds"`
	Every    string   `yaml:"every"`
	During   string   `yaml:"during"`
	Together int      `yaml:"together,omitempty"`
}

type expectsFile struct {
	Ends     string `yaml:"ends,omitempty"`
	Leader   string `yaml:"leader,omitempty"`
	Done     string `yaml:"done,omitempty"`
	Failover string `yaml:"failover,omitempty"`
	Rework   int64  `yaml:"rework,omitempty"`
	Exit     int    `yaml:"exit,omitempty"`
	SetAside bool   `yaml:"setAside,omitempty"`
	Vacuous  bool   `yaml:"vacuous,omitempty"`
}

const (
	maxBytes = 1 << 16 // of a file, so that a wrong name does not read a disk
	maxDepth = 16
)

// Parse reads one scenario. name is how errors call the file. Everything that is wrong comes back in one *Error.
func Parse(name string, data []byte) (Scenario, error) {
	d := &document{name: name, text: string(data)}
	if len(data) > maxBytes {
		return Scenario{}, d.fail(problem{message: fmt.Sprintf("the file has %d bytes, a scenario has at most %d", len(data), maxBytes)})
	}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Scenario{}, d.syntax(err)
	}
	switch {
	case len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil:
		return Scenario{}, d.fail(problem{message: "the file is empty"})
	case len(parsed.Docs) > 1:
		return Scenario{}, d.fail(problem{message: fmt.Sprintf("the file holds %d documents, want one", len(parsed.Docs))})
	}
	d.root = parsed.Docs[0].Body
	if err := d.walk(d.root, 0); err != nil {
		return Scenario{}, err
	}
	var raw file
	if err := yaml.NodeToValue(d.root, &raw, yaml.Strict()); err != nil {
		return Scenario{}, d.syntax(err)
	}
	s := d.scenario(raw)
	if len(d.problems) > 0 {
		return Scenario{}, d.error()
	}
	return s, nil
}

// Text is the file that stands for s: what Parse reads as s again.
func (s Scenario) Text() []byte {
	raw := file{
		Name: s.Name, Story: s.Story, Promise: s.Promise, Seed: s.Seed,
		Topology: topologyFile(s.Topology),
		Workload: workloadFile{
			Records: s.Workload.Records, Partitions: s.Workload.Partitions, Keys: s.Workload.Keys, Value: sizeText(s.Workload.Value),
			Topic: string(s.Workload.Topic), Layout: string(s.Workload.Layout), Live: rateText(s.Workload.Live),
			Lost: lostFile{How: string(s.Workload.Lost.How), Share: shareText(s.Workload.Lost.Percent), Runs: s.Workload.Lost.Runs, Singles: s.Workload.Lost.Singles},
		},
		Before: faultTexts(s.Before), Between: faultTexts(s.Between), Timeline: faultTexts(s.Timeline),
		Layers: s.Layers.Names(),
		Expects: expectsFile{
			Leader: durationText(s.Expects.Leader), Done: durationText(s.Expects.Done), Failover: durationText(s.Expects.Failover),
			Rework: s.Expects.Rework, Exit: s.Expects.Exit, SetAside: s.Expects.SetAside, Vacuous: s.Expects.Vacuous,
		},
		Limit: durationText(s.Limit),
	}
	if s.Expects.Ends != (Ends{}) {
		raw.Expects.Ends = s.Expects.Ends.String()
	}
	if s.Random != nil {
		raw.Random = &randomFile{Every: durationText(s.Random.Every), During: durationText(s.Random.During), Together: s.Random.Together}
		for _, k := range s.Random.Kinds {
			raw.Random.Kinds = append(raw.Random.Kinds, string(k))
		}
	}
	out, err := yaml.MarshalWithOptions(raw, yaml.IndentSequence(true))
	if err != nil {
		panic(fmt.Sprintf("scenario %s can not be written: %v", s.Name, err)) // plain texts and numbers: there is nothing to fail
	}
	return out
}

func faultTexts(faults []fault.Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, f.String())
	}
	return out
}

// document is one file on its way to a Scenario, with what is wrong with it so far.
type document struct {
	name     string
	text     string
	root     ast.Node
	problems []problem
}

// walk refuses what a scenario has no use for: anchors and aliases, which can make a small file endless, tags, and depth.
func (d *document) walk(n ast.Node, depth int) error {
	refuse := func(message string) error {
		at := n.GetToken().Position
		return d.fail(problem{line: at.Line, column: at.Column, message: message})
	}
	if depth > maxDepth {
		return refuse("nested too deep")
	}
	var below []ast.Node
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return refuse("anchors, aliases and tags are not used in scenarios: write the value out")
	case *ast.MappingNode:
		for _, v := range n.Values {
			below = append(below, v)
		}
	case *ast.MappingValueNode:
		below = []ast.Node{n.Key, n.Value}
	case *ast.SequenceNode:
		below = n.Values
	}
	for _, v := range below {
		if err := d.walk(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// syntax turns what the YAML library says into a problem.
func (d *document) syntax(err error) error {
	p := problem{message: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		p.message = ye.GetMessage()
		if t := ye.GetToken(); t != nil {
			p.line, p.column = t.Position.Line, t.Position.Column
		}
		if _, rest, ok := strings.Cut(p.message, `unknown field "`); ok {
			key, _, _ := strings.Cut(rest, `"`)
			p.message = "there is no key " + key
		}
	}
	return d.fail(p)
}

// place finds where a path such as $.timeline[2] is: the value when it is a scalar, its key otherwise. A path that is not there
// gives its nearest parent.
func (d *document) place(path string) (line, column int, node ast.Node) {
	line, column = 1, 1
	if d.root == nil {
		return line, column, nil
	}
	for path != "$" && path != "" {
		if p, err := yaml.PathString(path); err == nil {
			if n, err := p.FilterNode(d.root); err == nil && n != nil {
				at := n.GetToken().Position
				if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
					at = m.Values[0].GetToken().Position
					if m.Values[0].Key != nil {
						at = m.Values[0].Key.GetToken().Position
					}
				}
				return at.Line, at.Column, n
			}
		}
		path = path[:strings.LastIndexAny(path, ".[")]
	}
	return line, column, nil
}
