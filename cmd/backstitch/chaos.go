package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/staging"
	"backstitch/cluster/client"
)

func newChaos(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Hurt a staging cluster on purpose and see that it keeps its promises",
	}
	cmd.AddCommand(newChaosRun(a), newChaosReplay(a), newChaosList(a), newChaosReport(a))
	return cmd
}

// story is one line of chaos list.
type story struct {
	Name    string   `json:"name"`
	Story   string   `json:"story,omitempty"`
	Promise string   `json:"promise"`
	Layers  []string `json:"layers"`
	Here    bool     `json:"here"` // chaos run can tell it
	Why     string   `json:"why,omitempty"`
	Faults  []string `json:"faults"`
}

func newChaosList(a *app) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the stories that a staging cluster can be put through",
		Long:    "List the stories that chaos run can tell a cluster that runs somewhere else. With --all also those that are for other layers, with the reason.",
		Example: "  backstitch chaos list\n  backstitch chaos list --all -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var list []story
			var names []string
			for _, s := range scenario.Library() {
				one := describeStory(s)
				if one.Here || all {
					list, names = append(list, one), append(names, s.Name)
				}
			}
			return a.print(answer{value: list, rows: anys(list), names: names, text: func(w io.Writer) error {
				var rows [][]string
				for _, s := range list {
					rows = append(rows, []string{s.Name, strings.Join(s.Layers, ","), strings.Join(s.Faults, "; "), s.Promise})
				}
				return grid(w, []string{"NAME", "LAYERS", "FAULTS", "PROMISE"}, rows)
			}})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also stories that can not be told to a cluster that runs somewhere else")
	return cmd
}

func describeStory(s scenario.Scenario) story {
	out := story{Name: s.Name, Story: s.Story, Promise: s.Promise, Layers: s.Layers.Names(), Faults: []string{}}
	for _, f := range s.Timeline {
		out.Faults = append(out.Faults, f.String())
	}
	if err := staging.Can(s); err != nil {
		out.Why = err.Error()
		return out
	}
	out.Here = true
	return out
}

func newChaosReport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "Show what a run did and how it was judged",
		Long: `Show the evidence that a run left in its directory. The exit status is that of the run: 0 when the promise was kept, 4 when it was
broken, 5 when nothing was shown, and 1 when the run ended before it was judged.`,
		Example: "  backstitch chaos report chaos-runs/kill-leader-staging-7",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := readRun(args[0])
			if err != nil {
				return err
			}
			err = a.print(answer{value: struct {
				report.Head
				Verdict  report.Verdict `json:"verdict"`
				Timeline []report.Event `json:"timeline"`
			}{r.Head, r.Verdict, r.Timeline}, names: []string{r.Head.Scenario}, text: func(w io.Writer) error { return runText(w, r) }})
			if err != nil {
				return err
			}
			return judged(r.Verdict, r.Dir)
		},
	}
}

func readRun(dir string) (report.Record, error) {
	r, err := report.Read(dir)
	if err != nil {
		f := &failure{Code: codeFile, Title: "can not read " + dir, Detail: err.Error(), Next: "name the directory of one run", Exit: client.ExitFailed, Err: err}
		if _, gone := os.Stat(dir); gone != nil {
			f.Exit = client.ExitNotFound
		}
		return r, f
	}
	return r, nil
}

func runText(w io.Writer, r report.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s   seed %d   %s\n%s\n\n", strings.ToUpper(string(r.Verdict.Outcome)), r.Head.Scenario, r.Head.Seed, stamp(r.Head.Began), r.Head.Promise)
	for _, e := range r.Timeline {
		hit := ""
		if e.Hit != nil && !*e.Hit {
			hit = "   hit nothing"
		}
		fmt.Fprintf(&b, "%8.1fs  %-9s  %s%s%s\n", e.After, e.What, e.Text, onNodes(e.Nodes), hit)
	}
	injected, bit := fault.Tally(r.Verdict.Figures.Faults).Injected()
	fmt.Fprintf(&b, "\n%d faults, %d of them hit something, %d violations\n", injected, bit, len(r.Verdict.Violations))
	for _, v := range r.Verdict.Violations {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	for _, ms := range r.Verdict.Figures.FailoverMs {
		fmt.Fprintf(&b, "failover after %s at most\n", time.Duration(ms)*time.Millisecond)
	}
	fmt.Fprintf(&b, "Again: %s\n", r.Head.Command)
	_, err := io.WriteString(w, b.String())
	return err
}

func onNodes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "   -> " + strings.Join(names, " ")
}

// judged turns a verdict into an exit status, nil for a promise that was kept.
func judged(v report.Verdict, dir string) error {
	next := "backstitch chaos report " + dir
	switch {
	case v.Outcome == report.Broken:
		return &failure{Code: codeChaosBroken, Title: "a promise was broken", Detail: strings.Join(v.Violations, "\n"), Next: next, Exit: client.ExitDiffer}
	case v.Reason != "" && (v.Outcome == report.Vacuous || v.Outcome == report.Skipped):
		return &failure{Code: codeChaosNothing, Title: "nothing was shown", Detail: v.Reason, Next: next, Exit: client.ExitIndeterminate}
	case v.Outcome == report.Vacuous:
		return &failure{Code: codeChaosNothing, Title: "nothing was shown: " + strings.Join(v.Missed, ", ") + " hit nothing", Next: next, Exit: client.ExitIndeterminate}
	case v.Outcome != report.Kept:
		return &failure{Code: codeChaosNothing, Title: "the run ended before it was judged", Detail: v.Reason, Next: next, Exit: client.ExitFailed}
	}
	return nil
}
