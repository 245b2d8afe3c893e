// Command figures sums up what the suites have counted and fails when a bar is missed.
//
//	go run ./chaos/report/figures [-bars NAME,...] FILE
//
// FILE holds one line of JSON per suite, as BACKSTITCH_CHAOS_FIGURES collects them. The sum goes to stdout as JSON, the bars to
// stderr. Exit status: 0 when every bar that counts was reached, 1 when one was missed, 2 for a file or a name that can not be
// used.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"backstitch/chaos/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("bars", "", "bars that count, separated by commas; all when empty")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "figures: want one file")
		return 2
	}
	missed, err := judge(flags.Arg(0), *names, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "figures:", err)
		return 2
	}
	if missed > 0 {
		return 1
	}
	return 0
}

// sum is what is printed: all suites together, and each bar.
type sum struct {
	report.Figures
	Suites []string     `json:"suites"`
	Bars   []report.Bar `json:"bars"`
}

func judge(path, names string, stdout, stderr io.Writer) (missed int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	list, err := report.ReadFigures(file)
	if err != nil {
		return 0, err
	}
	var out sum
	for _, f := range list {
		out.Merge(f)
		out.Suites = append(out.Suites, f.Suite)
	}
	out.Bars = report.Bars(list)
	var only []string
	if names != "" {
		only = strings.Split(names, ",")
	}
	bad, err := report.Missed(out.Bars, only...)
	if err != nil {
		return 0, err
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return 0, err
	}
	fmt.Fprintln(stdout, string(text))
	table := tabwriter.NewWriter(stderr, 0, 0, 2, ' ', 0)
	for _, b := range out.Bars {
		mark := "ok"
		for _, m := range bad {
			if m.Name == b.Name {
				mark = "MISSED"
			}
		}
		if mark == "ok" && !b.OK {
			mark = "not asked"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", b.Name, mark, b.Got, b.Want)
	}
	return len(bad), table.Flush()
}
