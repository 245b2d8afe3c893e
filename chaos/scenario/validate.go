package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"backstitch/chaos/fault"
	"backstitch/partition/due"
)

// Defaults of a workload that has records.
const (
	defaultPartitions = 6
	defaultKeys       = 1000
	defaultValue      = 100 // bytes
)

const (
	maxNodes   = 9
	maxWorkers = 17 // with the nodes, names end at node-z
	maxRecords = 1_000_000_000
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,78}[a-z0-9])?$`)
	storyForm = regexp.MustCompile(`^S[0-9]{1,3}$`)
)

// scenario reads what the YAML library could not: units, faults, words, and whether it all fits together.
func (d *document) scenario(raw file) Scenario {
	s := Scenario{Name: raw.Name, Story: raw.Story, Promise: raw.Promise, Seed: raw.Seed, Topology: Topology(raw.Topology)}
	if !nameForm.MatchString(raw.Name) {
		d.add("$.name", "name: want lower-case letters, digits, dots and dashes, 80 at most")
	}
	if raw.Story != "" && !storyForm.MatchString(raw.Story) {
		d.add("$.story", "story: want an S and its number, such as S12")
	}
	if why := sentence(raw.Promise); why != "" {
		d.add("$.promise", "promise: %s", why)
	}
	if n := raw.Topology.Nodes; n < 1 || n > maxNodes || n%2 == 0 {
		d.add("$.topology.nodes", "topology.nodes: want an odd number from 1 to %d", maxNodes)
	}
	if n := raw.Topology.Workers; n < 0 || n > maxWorkers {
		d.add("$.topology.workers", "topology.workers: want 0 to %d", maxWorkers)
	}
	for i, name := range raw.Layers {
		layer, err := fault.ParseLayer(name)
		switch {
		case err != nil:
			d.add(at("$.layers", i), "%v", err)
		case s.Layers.Has(layer):
			d.add(at("$.layers", i), "%s is there twice", name)
		}
		s.Layers |= layer
	}
	if len(raw.Layers) == 0 {
		d.add("$.layers", "layers: want at least one of %s", fault.Anywhere)
	}
	s.Limit = d.duration("$.limit", raw.Limit)
	if raw.Limit == "" {
		d.add("$.limit", "limit is missing: every run is bounded, write for example 90s")
	}
	s.Workload = d.workload(raw.Workload)
	s.Before = d.faults("$.before", raw.Before)
	s.Between = d.faults("$.between", raw.Between)
	s.Timeline = d.faults("$.timeline", raw.Timeline)
	if raw.Random != nil {
		s.Random = d.random(*raw.Random)
	}
	s.Expects = d.expects(raw.Expects)
	if len(d.problems) == 0 {
		d.together(s)
	}
	return s
}

// sentence says why text is not one sentence, "" when it is.
func sentence(text string) string {
	switch {
	case text == "":
		return "is missing"
	case strings.ContainsAny(text, "\n\r"):
		return "want one line"
	case len(text) > 160:
		return "want at most 160 bytes"
	case !strings.HasSuffix(text, ".") || strings.Count(text, ". ")+strings.Count(text, "? ")+strings.Count(text, "! ") > 0:
		return "want one sentence, which ends with a full stop"
	case text[0] < 'A' || text[0] > 'Z':
		return "want a sentence that begins with a capital"
	}
	return ""
}

func (d *document) workload(raw workloadFile) Workload {
	w := Workload{Records: raw.Records, Partitions: raw.Partitions, Keys: raw.Keys, Topic: Topic(raw.Topic), Layout: Layout(raw.Layout)}
	if raw == (workloadFile{}) {
		return w // idle
	}
	if raw.Records < 1 || raw.Records > maxRecords {
		d.add("$.workload.records", "workload.records: want 1 to %d, or no workload for an idle cluster", maxRecords)
	}
	if w.Partitions == 0 {
		w.Partitions = defaultPartitions
	}
	if w.Keys == 0 {
		w.Keys = defaultKeys
	}
	if w.Partitions < 1 || w.Partitions > 1000 {
		d.add("$.workload.partitions", "workload.partitions: want 1 to 1000")
	}
	if w.Keys < 1 {
		d.add("$.workload.keys", "workload.keys: want 1 or more")
	}
	w.Value = defaultValue
	if raw.Value != "" {
		n, err := fault.ParseSize(raw.Value)
		if err != nil || n > 1<<20 {
			d.add("$.workload.value", "workload.value: want a size such as 100B, at most 1MiB")
		}
		w.Value = n
	}
	if w.Topic == "" {
		w.Topic = Plain
	}
	if !slices.Contains([]Topic{Plain, Transactional, Compacted}, w.Topic) {
		d.add("$.workload.topic", "workload.topic: want plain, transactional or compacted")
	}
	if w.Layout == "" {
		w.Layout = Archive
	}
	if w.Layout != Archive && w.Layout != Confluent {
		d.add("$.workload.layout", "workload.layout: want archive or confluent")
	}
	if raw.Live != "" {
		digits, ok := strings.CutSuffix(raw.Live, "/s")
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || n < 1 || n > 1_000_000 {
			d.add("$.workload.live", "workload.live: want records per second, such as 200/s")
		}
		w.Live = n
	}
	w.Lost = d.lost(raw.Lost)
	return w
}

func (d *document) lost(raw lostFile) Lost {
	l := Lost{How: How(raw.How), Runs: raw.Runs, Singles: raw.Singles}
	const path = "$.workload.lost"
	switch l.How {
	case "":
		l.How = Nothing
	case Nothing, Holes, Head, Tail, Everything, Object:
	default:
		d.add(path+".how", "workload.lost.how: want nothing, holes, head, tail, everything or object")
		return l
	}
	shared := l.How == Holes || l.How == Head || l.How == Tail || l.How == Object
	if shared {
		n, err := fault.ParsePercent(raw.Share)
		if err != nil || n >= 100 {
			d.add(path+".share", "workload.lost.share: want a share such as 20%%, less than 100%%")
		}
		l.Percent = n
	} else if raw.Share != "" {
		d.add(path+".share", "workload.lost: %s has no share", l.How)
	}
	if l.How == Everything {
		l.Percent = 100
	}
	switch {
	case l.How != Holes && (l.Runs != 0 || l.Singles != 0):
		d.add(path, "workload.lost: %s has no runs and no singles", l.How)
	case l.How == Holes && (l.Runs < 1 || l.Runs > 1000 || l.Singles < 0):
		d.add(path+".runs", "workload.lost.runs: want 1 to 1000, and singles that are not negative")
	}
	return l
}

// faults reads lines. What is wrong in a line is shown at its place in the file.
func (d *document) faults(path string, lines []string) []fault.Fault {
	var out []fault.Fault
	for i, line := range lines {
		f, err := fault.Parse(line)
		var bad *fault.SyntaxError
		if errors.As(err, &bad) {
			p := problem{path: at(path, i), message: bad.Message()}
			// The caret goes to the word when the text stands in the file as it is.
			if _, _, node := d.place(p.path); node != nil {
				if text, ok := node.(*ast.StringNode); ok && text.Token.Value == line && strings.Contains(d.text, line) {
					p.shift = bad.Column - 1
					if strings.HasPrefix(strings.TrimSpace(text.Token.Origin), `"`) || strings.HasPrefix(strings.TrimSpace(text.Token.Origin), "'") {
						p.shift++
					}
				}
			}
			d.problems = append(d.problems, p)
			continue
		}
		out = append(out, f)
	}
	return out
}

func (d *document) random(raw randomFile) *Random {
	r := &Random{Every: d.duration("$.random.every", raw.Every), During: d.duration("$.random.during", raw.During), Together: raw.Together}
	for i, name := range raw.Kinds {
		k := fault.Kind(name)
		if k.Spec() == nil {
			d.add(at("$.random.kinds", i), "there is no kind of fault %q%s", name, fault.Near(k))
		}
		r.Kinds = append(r.Kinds, k)
	}
	if len(raw.Kinds) == 0 {
		d.add("$.random", "random.kinds: want at least one")
	}
	if raw.Every == "" || raw.During == "" {
		d.add("$.random", "random: every and during are lengths of time, and both are needed")
	}
	if raw.Together < 0 {
		d.add("$.random.together", "random.together: want 1 or more")
	}
	return r
}

func (d *document) expects(raw expectsFile) Expects {
	e := Expects{
		Leader: d.duration("$.expects.leader", raw.Leader), Done: d.duration("$.expects.done", raw.Done),
		Failover: d.duration("$.expects.failover", raw.Failover),
		Rework:   raw.Rework, Exit: raw.Exit, SetAside: raw.SetAside, Vacuous: raw.Vacuous,
	}
	if raw.Ends != "" {
		ends, err := ParseEnds(raw.Ends)
		if err != nil {
			d.add("$.expects.ends", "expects.ends: %v", err)
		}
		e.Ends = ends
	}
	if raw.Rework < 0 {
		d.add("$.expects.rework", "expects.rework: want records, 1 or more")
	}
	if raw.Exit < 0 || raw.Exit > 255 {
		d.add("$.expects.exit", "expects.exit: want an exit status")
	}
	return e
}

// together looks at what is right by itself and may not fit.
func (d *document) together(s Scenario) {
	if len(s.Timeline) > 0 && s.Random != nil {
		d.add("$.random", "random: there is a timeline already, keep one of them")
	}
	if s.Workload.Idle() && (len(s.Before) > 0 || len(s.Between) > 0 || s.Expects.Done > 0 || s.Expects.Ends != (Ends{}) || s.Expects.Rework > 0 || s.Expects.Failover > 0) {
		d.add("$.workload", "an idle cluster has no plan and no job: before, between, ends, done, failover and rework need a workload")
	}
	if s.Workload.Lost.How == Object && s.Workload.Layout != Confluent {
		d.add("$.workload.lost.how", "workload.lost: only the confluent layout has objects that can lack a part unseen")
	}
	for i, f := range s.Before {
		path := at("$.before", i)
		d.injectable(path, f.Kind, s.Layers)
		if family := f.Spec().Family; family != fault.Input && f.Kind != fault.StoreStale {
			d.add(path, "before: %s is not about what was archived, nor about what the store lists", f.Kind)
		}
		if f.At != 0 || f.For != 0 {
			d.add(path, "before: what stands here is true when the plan is made; it has no at and no for")
		}
	}
	for i, f := range s.Between {
		path := at("$.between", i)
		d.injectable(path, f.Kind, s.Layers)
		if f.At != 0 || f.Lasts() != 0 {
			d.add(path, "between: %s takes time or says when; only what is done at once can stand here", f.Kind)
		}
	}
	destroyed := 0
	for i, f := range s.Timeline {
		path := at("$.timeline", i)
		d.injectable(path, f.Kind, s.Layers)
		if name := string(f.Target); f.Target != "" && !f.Target.Role() && s.Layers != fault.Staging && !slices.Contains(s.Topology.Names(), name) {
			d.add(path, "there is no node %s: there are %s", name, strings.Join(s.Topology.Names(), ", "))
		}
		if f.Spec().Destroys {
			destroyed++
		}
		if s.Topology.Nodes == 1 && (f.Target == fault.Minority || f.Target == fault.Follower) {
			d.add(path, "one node has no %s", f.Target)
		}
	}
	if destroyed > (s.Topology.Nodes-1)/2 {
		d.add("$.timeline", "%d faults destroy data for good; of %d nodes at most %d may be hurt so, or no quorum remembers", destroyed, s.Topology.Nodes, (s.Topology.Nodes-1)/2)
	}
	if end := fault.End(s.Timeline); end >= s.Limit {
		d.add("$.limit", "limit: the last fault is healed after %s", due.Length(end))
	}
	if s.Random != nil {
		for i, k := range s.Random.Kinds {
			d.injectable(at("$.random.kinds", i), k, s.Layers)
		}
		if s.Random.During >= s.Limit {
			d.add("$.limit", "limit: faults go on for %s", due.Length(s.Random.During))
		}
		if _, err := s.Plan(1); err != nil {
			d.add("$.random", "%v", errors.Unwrap(err))
		}
	}
}

func (d *document) injectable(path string, k fault.Kind, layers fault.Layers) {
	if where := k.Spec().Where; !where.Has(layers) {
		d.add(path, "%s can be injected in: %s; and not in: %s", k, where, layers&^where)
	}
}

// duration reads a length of time that may be left out.
func (d *document) duration(path, text string) time.Duration {
	if text == "" {
		return 0
	}
	out, err := fault.ParseDuration(text)
	if err != nil {
		d.add(path, "%s: %v", strings.TrimPrefix(path, "$."), err)
	}
	return out
}

func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return due.Length(d)
}

func sizeText(n int64) string {
	if n == 0 {
		return ""
	}
	return fault.FormatSize(n)
}

func rateText(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10) + "/s"
}

func shareText(percent float64) string {
	if percent == 0 || percent == 100 {
		return ""
	}
	return strconv.FormatFloat(percent, 'f', -1, 64) + "%"
}
