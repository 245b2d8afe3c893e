package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
)

const head = `# Scenarios

Made by ` + "`make chaos-table`" + ` from the library of chaos/scenario and from the figures of the last runs. Bubble is the wired cluster in virtual time,
process is real agents. A story is one of the losses that really happened; what has none is a fault by itself.

| scenario | story | faults | promise | last result |
|---|---|---|---|---|
`

// never stands for the result of what was not run since the table began.
const never = "not run yet"

// table has one row per scenario, in the order of the list.
func table(list []scenario.Scenario, last map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for _, s := range list {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.Story, faults(s), s.Promise, cmp.Or(last[s.Name], never))
	}
	return b.Bytes()
}

// faults are what is done, as it stands in the scenario.
func faults(s scenario.Scenario) string {
	var out []string
	for _, f := range slices.Concat(s.Before, s.Between, s.Timeline) {
		out = append(out, "`"+f.String()+"`")
	}
	if r := s.Random; r != nil {
		var kinds []string
		for _, k := range s.Kinds() {
			kinds = append(kinds, string(k))
		}
		out = append(out, fmt.Sprintf("every %s, for %s, one of: %s", r.Every, r.During, strings.Join(kinds, ", ")))
	}
	if len(out) == 0 {
		return fmt.Sprintf("lost: %s", s.Workload.Lost.How)
	}
	return strings.Join(out, "; ")
}

// results reads the last column of a table back.
func results(text []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		// The first and the last cell are empty: the line begins and ends with a bar.
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		if result := strings.TrimSpace(cells[5]); result != never {
			out[strings.Trim(cells[1], " `")] = result
		}
	}
	return out
}

// summarize says of each scenario how its runs went, layer by layer. Of several runs in one layer the worst counts.
func summarize(runs []report.Figures, date string) map[string]string {
	type key struct{ scenario, layer string }
	worst := map[key]report.Figures{}
	var order []key
	for _, f := range runs {
		if f.Scenario == "" {
			continue
		}
		k := key{f.Scenario, f.Layer}
		was, seen := worst[k]
		if !seen {
			order = append(order, k)
		}
		if !seen || badness(f.Outcome) > badness(was.Outcome) {
			worst[k] = f
		}
	}
	slices.SortStableFunc(order, func(a, b key) int { return cmp.Compare(a.layer, b.layer) })
	out := map[string]string{}
	for _, k := range order {
		f := worst[k]
		one := fmt.Sprintf("%s: %s, %.1f s", k.layer, f.Outcome, f.Seconds)
		if had := out[k.scenario]; had != "" {
			out[k.scenario] = had + "; " + one
		} else {
			out[k.scenario] = date + " " + one
		}
	}
	return out
}

func badness(o report.Outcome) int {
	return slices.Index([]report.Outcome{report.Skipped, report.Kept, report.Unfinished, report.Vacuous, report.Broken}, o)
}
