package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newAudit(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Show who commanded what, and check that nobody has changed the record of it"}
	cmd.AddCommand(newAuditList(a), newAuditTail(a), newAuditVerify(a), newAuditExport(a))
	return cmd
}

// auditFilter are the flags that choose records.
type auditFilter struct {
	q     client.AuditQuery
	since string
}

func (f *auditFilter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.q.Actor, "actor", "", "only what an `actor` did whose name contains this")
	cmd.Flags().StringVar(&f.q.Op, "op", "", "only commands of this `name`, such as cancel-job")
	cmd.Flags().StringVar(&f.q.Subject, "on", "", "only commands about a `subject` that contains this: a job, a node, a dataset")
	cmd.Flags().BoolVar(&f.q.Refused, "refused", false, "only what was refused, whole or in part")
}

func newAuditList(a *app) *cobra.Command {
	var f auditFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List commands, newest first",
		Long: `List the commands that changed something or were refused, newest first: who gave them, why, and what came of it. Checkpoints and what nodes do to
keep going are not among them. The newest 100,000 are kept. Times are by the clock of the node that took the command.`,
		Example: "  backstitch audit list --since=-2h\n  backstitch audit list --on bs-7f3k2m\n  backstitch audit list --refused --actor ann",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			var err error
			if f.q.Since, err = parseTime(f.since, time.Now()); err != nil {
				return usage(cmd, fmt.Errorf("--since: %w", err))
			}
			if f.q.Limit < 1 || f.q.Limit > 1000 {
				return usage(cmd, fmt.Errorf("--limit %d: want 1 to 1000", f.q.Limit))
			}
			out, _, err := c.Audit(cmd.Context(), f.q, client.Blocking{})
			if err != nil {
				return err
			}
			return a.print(answer{value: out, rows: anys(out.Records), text: func(w io.Writer) error {
				if err := auditText(w, out.Records); err != nil {
					return err
				}
				if out.More {
					_, err := fmt.Fprintf(w, "There are older ones: --limit, or -o jsonl with audit export.\n")
					return err
				}
				return nil
			}})
		}),
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.since, "since", "", "only since this `time`: RFC 3339, or like -2h")
	cmd.Flags().IntVar(&f.q.Limit, "limit", 50, "`number` of records, at most 1000")
	return cmd
}

// auditText prints records for people.
func auditText(w io.Writer, records []client.AuditRecord) error {
	if len(records) == 0 {
		_, err := fmt.Fprintln(w, "No such commands.")
		return err
	}
	rows := make([][]string, len(records))
	for i, r := range records {
		rows[i] = auditRow(r)
	}
	return grid(w, auditHeader, rows)
}

var auditHeader = []string{"NUMBER", "AT", "WHO", "DID", "TO", "RESULT", "WHY"}

func auditRow(r client.AuditRecord) []string {
	result := r.Result
	if r.Object != "" {
		result += ": " + r.Object
	}
	if r.Refused > 0 {
		result += fmt.Sprintf(" (%d refused)", r.Refused)
	}
	return []string{count(int64(r.Number)), stamp(r.At), dash(r.Actor), r.Name, dash(r.Subject), result, dash(r.Reason)}
}

// auditWait is how long one question for news waits.
const auditWait = 30 * time.Second

func newAuditTail(a *app) *cobra.Command {
	var f auditFilter
	cmd := &cobra.Command{
		Use:     "tail",
		Short:   "Print commands as they are given",
		Long:    "Print the last commands and then each one as it is given, oldest first, until it is interrupted or --timeout is over. With -o jsonl a line is a record.",
		Example: "  backstitch audit tail\n  backstitch audit tail --refused -o jsonl --timeout 1h",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			if a.output == "json" || a.output == "yaml" {
				return usage(cmd, fmt.Errorf("-o %s is one value, and records come as they are given: -o jsonl", a.output))
			}
			if f.q.Limit < 0 || f.q.Limit > 1000 {
				return usage(cmd, fmt.Errorf("--last %d: want 0 to 1000", f.q.Limit))
			}
			return a.tailAudit(cmd.Context(), c, f.q)
		}),
	}
	f.flags(cmd)
	cmd.Flags().IntVarP(&f.q.Limit, "last", "n", 10, "`number` of records to begin with")
	return cmd
}

func (a *app) tailAudit(ctx context.Context, c *client.Client, q client.AuditQuery) error {
	first := q
	first.Limit = max(q.Limit, 1)
	out, index, err := c.Audit(ctx, first, client.Blocking{})
	if err != nil {
		return err
	}
	from := out.Trail.Next
	for i := min(len(out.Records), q.Limit) - 1; i >= 0; i-- {
		if err := a.printAudit(out.Records[i]); err != nil {
			return err
		}
	}
	for {
		next := q
		next.From, next.Limit = from, 1000
		out, at, err := c.Audit(ctx, next, client.Blocking{Index: index, Wait: auditWait})
		if err != nil {
			return err
		}
		for _, r := range out.Records {
			if err := a.printAudit(r); err != nil {
				return err
			}
		}
		switch {
		case out.More: // there is no need to wait
			from = out.Records[len(out.Records)-1].Number + 1
		default:
			from, index = max(from, out.Trail.Next), at
		}
	}
}

// printAudit prints one record as soon as it is there.
func (a *app) printAudit(r client.AuditRecord) error {
	return a.print(answer{value: r, rows: []any{r}, text: func(w io.Writer) error {
		row := auditRow(r)
		_, err := fmt.Fprintf(w, "%s  %s  %s %s %s: %s", row[0], row[1], row[2], row[3], row[4], row[5])
		if err == nil && r.Reason != "" {
			_, err = fmt.Fprintf(w, " (%s)", r.Reason)
		}
		if err == nil {
			_, err = fmt.Fprintln(w)
		}
		return err
	}})
}
