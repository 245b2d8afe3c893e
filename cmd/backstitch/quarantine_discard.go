package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition"
)

// marking is one of the two commands that say in the book whether records of a quarantine are given up.
type marking struct {
	verb, done string
	discarded  bool // whether the records that it is about are discarded before
	tell       func(*client.Client, context.Context, string, client.Discard) error
	question   string
	next       string
}

func newQuarantineDiscard(a *app) *cobra.Command {
	cmd, positions, all, reason := a.markCommand("discard", "Give up records that a job has set aside", `Say in the book that records of a job's quarantine are given up: that nobody is going to put them back, who said so, when and why. replay leaves
them out from then on, and list shows them as discarded. Nothing else changes: they are in the target no more than before, and the job's proof says
the same. restore takes it back.

--all is all that list prints as open. What is counted and not listed can not be given up. More than 1,000 records are given up in several steps.

Needs cluster version 5. Exit status: 0 they are discarded, or were before, 10 there is no such record.`,
		"  backstitch quarantine discard bs-7f3k2m --position p07@4711 --reason \"test order, never paid\"\n  backstitch quarantine discard bs-7f3k2m --all --reason \"agreed with billing\"")
	m := marking{verb: "discard", done: "discarded", tell: (*client.Client).Discard, question: "Give up %s of job %s?", next: "backstitch quarantine list %s"}
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		if strings.TrimSpace(*reason) == "" {
			return usage(cmd, errors.New("--reason says nothing: whoever reads the list has to know why"))
		}
		return a.mark(cmd, c, m, args[0], *positions, *all, *reason)
	})
	return cmd
}

func newQuarantineRestore(a *app) *cobra.Command {
	cmd, positions, all, reason := a.markCommand("restore", "Take back that records are given up",
		`Take back what discard has said: the records are open again, and replay plans them.

Needs cluster version 5. Exit status: 0 they are open, 10 there is no such record, 11 one of them is not discarded.`,
		"  backstitch quarantine restore bs-7f3k2m --position p07@4711")
	m := marking{verb: "restore", done: "open again", discarded: true, tell: (*client.Client).RestoreDiscarded, question: "Take back %s of job %s?",
		next: "backstitch quarantine replay %s -f SPEC -o FILE.plan"}
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		return a.mark(cmd, c, m, args[0], *positions, *all, *reason)
	})
	return cmd
}

func (a *app) markCommand(verb, short, long, example string) (cmd *cobra.Command, positions *[]string, all *bool, reason *string) {
	cmd = changes(&cobra.Command{
		Use: verb + " JOB {--position RECORD | --all}", Short: short, Long: long, Example: example,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeJobs,
	})
	f := cmd.Flags()
	positions = f.StringSlice("position", nil, "`record`, as list prints it; may be given several times")
	all = f.Bool("all", false, "all that list prints")
	reason = f.String("reason", "", "`why`, for the list and for the audit trail")
	return cmd, positions, all, reason
}

// mark does one of the two.
func (a *app) mark(cmd *cobra.Command, c *client.Client, m marking, job string, positions []string, all bool, reason string) error {
	if all == (len(positions) > 0) {
		return usage(cmd, errors.New("write --position RECORD, or --all"))
	}
	ctx := cmd.Context()
	q, err := quarantineOf(ctx, c, job)
	if err != nil {
		return err
	}
	chosen, err := q.marked(cmd, m, positions)
	if err != nil {
		return err
	}
	if len(chosen) > 0 {
		if err := a.confirm(fmt.Sprintf(m.question, countOf(int64(len(chosen)), "record"), q.Job), "--yes"); err != nil {
			return err
		}
		if err := m.tell(c, ctx, q.Job, client.Discard{Records: chosen, Reason: reason}); err != nil {
			return err
		}
	}
	if q, err = quarantineOf(ctx, c, q.Job); err != nil {
		return err
	}
	names := make([]string, len(chosen))
	for i, r := range chosen {
		names[i] = spot{r.Partition, partition.Offset(r.Offset)}.String()
	}
	return a.print(answer{value: q, names: names, text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s of job %s: %s.  %s open.\nNext: "+m.next+"\n", countOf(int64(len(chosen)), "record"), q.Job, m.done, count(int64(q.Open)), q.Job)
		return err
	}})
}

// marked are the records that a person names, by partition and offset; all that can be meant when nobody names any. What is discarded
// already is left out where it is to be discarded.
func (q *quarantine) marked(cmd *cobra.Command, m marking, positions []string) ([]client.SetAside, error) {
	named := map[string]bool{}
	for _, text := range positions {
		at, err := parseSpot(text)
		if err != nil {
			return nil, usage(cmd, err)
		}
		x, ok := q.find(at)
		if !ok {
			return nil, q.missingFrom(at)
		}
		if m.discarded && x.Discarded == nil {
			return nil, &failure{Code: codeDiscarded, Title: fmt.Sprintf("record %s of job %s is not discarded", at, q.Job), Detail: "There is nothing to take back.",
				Next: "backstitch quarantine list " + q.Job, Exit: client.ExitConflict}
		}
		named[at.String()] = true
	}
	var out []client.SetAside
	for _, x := range q.Records {
		if (x.Discarded != nil) != m.discarded || len(positions) > 0 && !named[x.Record] {
			continue
		}
		r := client.SetAside{Partition: x.Partition, Offset: x.Offset, Planned: x.By == "plan"}
		if n := len(out); n > 0 && out[n-1].Partition == r.Partition && out[n-1].Offset == r.Offset {
			continue // set aside by plan and job
		}
		out = append(out, r)
	}
	return out, nil
}
