// Command scenarios writes the table of scenarios: what each does, what it promises, and how it went when it was last run.
//
//	go run ./chaos/report/scenarios [-figures FILE] [-date DATE] TABLE
//
// What is done and promised comes from the library. The last results come from FILE, which has one line of JSON per run, as
// BACKSTITCH_CHAOS_FIGURES collects them; of a scenario that FILE says nothing about, TABLE's own result stays. Exit status: 0 when
// TABLE was written, 2 when something can not be read or written.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr, time.Now())) }

func run(args []string, stderr io.Writer, now time.Time) int {
	flags := flag.NewFlagSet("scenarios", flag.ContinueOnError)
	flags.SetOutput(stderr)
	figures := flags.String("figures", "", "file with the results of runs; none when empty")
	date := flags.String("date", now.UTC().Format(time.DateOnly), "when those runs were made")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "scenarios: want one table")
		return 2
	}
	if err := write(flags.Arg(0), *figures, *date); err != nil {
		fmt.Fprintln(stderr, "scenarios:", err)
		return 2
	}
	return 0
}

func write(path, figures, date string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	last := results(old)
	if figures != "" {
		text, err := os.ReadFile(figures)
		if err != nil {
			return err
		}
		runs, err := report.ReadFigures(bytes.NewReader(text))
		if err != nil {
			return err
		}
		for name, result := range summarize(runs, date) {
			last[name] = result
		}
	}
	return os.WriteFile(path, table(scenario.Library(), last), 0o644)
}
