package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/recovery"
)

func newQuarantine(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "quarantine", Short: "Look into what a job has set aside, put it back, or give it up"}
	cmd.AddCommand(newQuarantineList(a), newQuarantineShow(a), newQuarantineReplay(a), newQuarantineDiscard(a), newQuarantineRestore(a))
	return cmd
}

// apart is one record that a job does not write.
type apart struct {
	Record string `json:"record"` // pNN@OFFSET
	client.Poison
	By string `json:"by"` // "plan" or "job"
	// Discarded is who has given the record up, nil while it is open.
	Discarded *client.Discarded `json:"discarded,omitempty"`
}

// quarantine is what a job has set aside, or its plan has left out.
type quarantine struct {
	Job     string  `json:"job"`
	Records []apart `json:"records"` // by partition and offset
	// Open is how many of those nobody has given up.
	Open int `json:"open"`
	// More is how many are counted beyond those: of a slice 1,000 are kept, of a plan 1,000, and of a slice that has not ended none.
	More int64 `json:"more"`
	// Places are those of the reference that hold no single record: what can not be read or compared.
	Places []string `json:"places,omitempty"`

	recipe recovery.Recipe
}

// quarantineOf asks the book.
func quarantineOf(ctx context.Context, c *client.Client, id string) (*quarantine, error) {
	work, err := c.Work(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &quarantine{Job: work.Job, Records: []apart{}}
	if err := json.Unmarshal(work.Recipe, &out.recipe); err != nil {
		return nil, fmt.Errorf("recipe of job %s: %w", work.Job, err)
	}
	states, _, err := c.Slices(ctx, id, client.Blocking{})
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		for _, q := range s.Quarantine {
			out.add(q, "job")
		}
		out.More += max(s.Progress.Quarantined-int64(len(s.Quarantine)), 0)
	}
	for _, x := range out.recipe.Aside {
		out.add(client.Poison{Partition: x.Partition, Offset: int64(x.Offset), Code: x.Code, Reason: engine.Reason(x.Code, x.Rule)}, "plan")
	}
	out.More += out.recipe.AsideMore
	out.Places = out.recipe.Left
	given, err := c.Discarded(ctx, id)
	if err != nil {
		return nil, err
	}
	out.discarded(given)
	slices.SortStableFunc(out.Records, func(a, b apart) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return out, nil
}

// discarded notes which records are given up, and counts the others.
func (q *quarantine) discarded(given []client.Discarded) {
	at := map[spot]*client.Discarded{}
	for i := range given {
		at[spot{given[i].Partition, partition.Offset(given[i].Offset)}] = &given[i]
	}
	for i := range q.Records {
		x := &q.Records[i]
		if x.Discarded = at[spot{x.Partition, partition.Offset(x.Offset)}]; x.Discarded == nil {
			q.Open++
		}
	}
}

func (q *quarantine) add(p client.Poison, by string) {
	q.Records = append(q.Records, apart{Record: spot{p.Partition, partition.Offset(p.Offset)}.String(), Poison: p, By: by})
}

// find is the entry of a record.
func (q *quarantine) find(at spot) (apart, bool) {
	i := slices.IndexFunc(q.Records, func(x apart) bool { return x.Record == at.String() })
	if i < 0 {
		return apart{}, false
	}
	return q.Records[i], true
}

func newQuarantineList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list JOB",
		Short: "List the records that a job has set aside, and why",
		Long: `List the records that a job has set aside, and those that its plan has left out because a step or a rule refuses them, with code
and reason. Each stays in the reference where it is. What somebody has given up is there with who, when and why. What is counted and not
listed is said: of one slice 1,000 records are kept, and as many of a plan.`,
		Example:           "  backstitch quarantine list bs-7f3k2m",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			q, err := quarantineOf(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			names := make([]string, len(q.Records))
			for i := range q.Records {
				names[i] = q.Records[i].Record
			}
			return a.print(answer{value: q, rows: anys(q.Records), names: names, text: q.writeText})
		},
	}
}

func (q *quarantine) writeText(w io.Writer) error {
	for _, x := range q.Records {
		fmt.Fprintf(w, "%-14s %-4s  %s  %s", x.Record, x.By, x.Code, x.Reason)
		if x.Object != "" {
			fmt.Fprintf(w, "   %s", x.Object)
		}
		fmt.Fprintln(w)
		if d := x.Discarded; d != nil {
			fmt.Fprintf(w, "%-14s discarded %s by %s: %s\n", "", d.At.Format(time.RFC3339), d.By, printable(d.Reason))
		}
	}
	for _, p := range q.Places {
		fmt.Fprintf(w, "no record      plan  %s\n", p)
	}
	fmt.Fprintf(w, "Job %s: %s set aside.", q.Job, countOf(int64(len(q.Records)), "record"))
	if n := len(q.Records) - q.Open; n > 0 {
		fmt.Fprintf(w, "  %s open, %s discarded.", count(int64(q.Open)), count(int64(n)))
	}
	if q.More > 0 {
		fmt.Fprintf(w, "  %s more are counted and not listed.", count(q.More))
	}
	i := slices.IndexFunc(q.Records, func(x apart) bool { return x.Discarded == nil })
	if i < 0 {
		_, err := fmt.Fprintln(w)
		return err
	}
	_, err := fmt.Fprintf(w, "\nNext: backstitch quarantine show %s %s\n", q.Job, q.Records[i].Record)
	return err
}

// missingFrom refuses a record that is not in quarantine, as far as that is known.
func (q *quarantine) missingFrom(at spot) error {
	detail := fmt.Sprintf("It has set %s aside.", countOf(int64(len(q.Records)), "record"))
	if q.More > 0 {
		detail += fmt.Sprintf(" %s more are counted and not listed, so it may be among them.", count(q.More))
	}
	return &failure{Code: codeNotAside, Title: fmt.Sprintf("job %s has no record %s in quarantine", q.Job, at), Detail: detail,
		Next: "backstitch quarantine list " + q.Job, Exit: client.ExitNotFound}
}
