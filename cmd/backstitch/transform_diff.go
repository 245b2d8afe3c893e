package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/revise"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// defaultSample is how many records of the reference are looked at when nobody names a sample.
const defaultSample = 1000

// maxLine bounds a line of a sample.
const maxLine = 16 << 20

func newTransformDiff(a *app) *cobra.Command {
	var where places
	file, against := "", ""
	records := int64(defaultSample)
	detailed := false
	cmd := &cobra.Command{
		Use:   "diff -f NEW --against OLD [SAMPLE...]",
		Short: "Show what another version of steps and rules changes, member by member",
		Long: `Do to the same records what the steps and rules of two specs say, and show where the results differ: for each member how often it is
there in one alone, has another value or another type, with a few of the records; and what one version refuses and the other does not.

A SAMPLE is a file with one JSON value on each line. Without one the first records of each partition of NEW's reference are read.
Nothing is written. Numbers are compared by their digits.`,
		Example: "  backstitch transform diff -f orders-v4.yaml --against orders-v3.yaml orders.ndjson\n  backstitch transform diff -f orders-v4.yaml --against orders-v3.yaml --records 10000 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" || against == "" {
				return usage(cmd, errors.New("two specs are compared: -f NEW --against OLD"))
			}
			if records < 1 {
				return usage(cmd, fmt.Errorf("--records is %d, want at least 1", records))
			}
			if len(args) > 0 && cmd.Flags().Changed("records") {
				return usage(cmd, errors.New("--records is for the reference; a SAMPLE is looked at whole"))
			}
			if err := where.load(a); err != nil {
				return err
			}
			after, err := readSpec(file, &where)
			if err != nil {
				return err
			}
			before, err := readSpec(against, &where)
			if err != nil {
				return err
			}
			d, err := a.revise(cmd.Context(), &where, before, after, args, records)
			if err != nil {
				return err
			}
			err = a.print(answer{value: d, rows: anys(d.Paths), names: pathNames(d), text: func(w io.Writer) error { return diffText(w, d) }})
			switch {
			case err != nil:
				return err
			case d.Compared()+d.RefusedOld+d.RefusedNew == 0:
				return &failure{Code: codeSample, Title: "nothing was compared", Detail: fmt.Sprintf("Of %s no version makes anything.", countOf(d.Records, "record")),
					Next: "name another SAMPLE", Exit: client.ExitIndeterminate}
			case detailed && d.Differs():
				return exitStatus(client.ExitWork)
			}
			return nil
		},
	}
	f := cmd.Flags()
	where.flags(f)
	f.StringVarP(&file, "file", "f", "", "`file` with the new spec")
	f.StringVar(&against, "against", "", "`file` with the old spec")
	f.Int64Var(&records, "records", records, "`number` of records of the reference to look at")
	f.BoolVar(&detailed, "detailed-exitcode", false, "exit with 8 when the two versions differ")
	return cmd
}

// revise compares two specs over samples, or over the reference of the new one.
func (a *app) revise(ctx context.Context, where *places, before, after *spec.Recovery, samples []string, records int64) (*revise.Diff, error) {
	held := record.AllFields
	if len(samples) > 0 {
		held = record.FieldValue
	}
	old, closeOld, err := revise.Of(ctx, before, where.clients())
	if err != nil {
		return nil, err
	}
	defer closeOld()
	new, closeNew, err := revise.Of(ctx, after, where.clients())
	if err != nil {
		return nil, err
	}
	defer closeNew()
	if len(samples) > 0 && (old.Framed() || new.Framed()) {
		return nil, &failure{Code: codeSample, Title: "a SAMPLE holds JSON, and the values of the spec name a schema", Exit: client.ExitUsage,
			Next: "leave SAMPLE out, to read from the reference"}
	}
	c := revise.Compare(old, new)
	for _, file := range samples {
		if err := addLines(c, file); err != nil {
			return nil, err
		}
	}
	if len(samples) == 0 {
		held, err = recovery.Sample(ctx, after, where.clients(), records, func(part int32, rec *record.Record) error {
			if err := c.Learn(ctx, rec); err != nil {
				return err
			}
			return c.Add(fmt.Sprintf("p%02d@%d", part, rec.Offset), part, rec)
		}, func(*source.DamagedError) { c.Unreadable() })
		if err != nil {
			return nil, err
		}
	}
	for _, v := range []*revise.Version{old, new} {
		if name := v.Blind(held); name != "" {
			return nil, &failure{Code: recovery.CodeBlind, Title: fmt.Sprintf("rule %s looks at more than the sample holds", name),
				Detail: "A file of values has no keys, headers and timestamps.", Next: "leave SAMPLE out, to read from the reference", Exit: client.ExitUsage}
		}
	}
	d := c.Diff()
	return &d, nil
}

// addLines adds the lines of a file.
func addLines(c *revise.Comparer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return &failure{Code: codeFile, Title: "can not read " + file, Detail: err.Error(), Next: "a file with one JSON value on each line", Exit: client.ExitNotFound, Err: err}
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := c.Add(fmt.Sprintf("%s:%d", file, n), 0, &record.Record{Offset: partition.Offset(n), Value: line}); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

func pathNames(d *revise.Diff) []string {
	out := make([]string, len(d.Paths))
	for i, p := range d.Paths {
		out[i] = p.Path
	}
	return out
}

func diffText(w io.Writer, d *revise.Diff) error {
	fmt.Fprintf(w, "--- %s\n+++ %s\n\n", d.Old, d.New)
	for _, p := range d.Paths {
		fmt.Fprintf(w, "%s   added %s, removed %s, changed %s, other type %s\n", p.Path, count(p.Added), count(p.Removed), count(p.Changed), count(p.Retyped))
		for _, x := range p.Examples {
			fmt.Fprintf(w, "    %s   %s -> %s\n", x.Record, dash(x.Old), dash(x.New))
		}
	}
	if d.PathsLeft > 0 {
		fmt.Fprintf(w, "and %s of further members, which are not told apart\n", countOf(d.PathsLeft, "change"))
	}
	for _, g := range d.Refused {
		fmt.Fprintf(w, "refused by the %s version alone: %s   %s\n", g.By, countOf(g.Count, "record"), g.Code)
		for _, x := range g.Examples {
			fmt.Fprintf(w, "    %s   %s\n", x.Record, x.Reason)
		}
	}
	if d.Differs() {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s: %s the same, %s the same in other bytes, %s other.  Refused: %s by the old version alone, %s by the new one alone, %s by both.\n",
		countOf(d.Records, "record"), count(d.Same), count(d.Respelt), count(d.Changed), count(d.RefusedOld), count(d.RefusedNew), count(d.RefusedBoth))
	if d.Unreadable > 0 {
		fmt.Fprintf(w, "%s of the reference can not be read.\n", countOf(d.Unreadable, "place"))
	}
	return err
}

// countOf is a number and what there is of it.
func countOf(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return gap.Count(n) + " " + noun + "s"
}
