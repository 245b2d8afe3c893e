package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/recovery"
)

func newQuarantineReplay(a *app) *cobra.Command {
	var where places
	file := ""
	var positions []string
	cmd := &cobra.Command{
		Use:   "replay JOB -f SPEC",
		Short: "Plan what a job has set aside anew, under mended steps and rules",
		Long: `Make a plan of exactly the records that a job has in quarantine, or of some of them, under the steps and rules of another version of its
spec. Reference and target have to be the same. The plan is run as any other: it writes those of the records that are missing in the target
now, so one that is there already is not written twice, and its proof is of these records. What is still refused is named.

Only records that list prints are planned, and none that are discarded. -o takes a format or the name of the file to save to; --out always
takes the file.`,
		Example:           "  backstitch quarantine replay bs-7f3k2m -f orders-v4.yaml -o again.plan\n  backstitch quarantine replay bs-7f3k2m -f orders-v4.yaml --position p07@4711 -o again.plan",
		Args:              cobra.ExactArgs(1),
		Annotations:       map[string]string{outFileKey: "yes"},
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usage(cmd, errors.New("-f names no spec"))
			}
			if err := where.load(a); err != nil {
				return err
			}
			r, err := readSpec(file, &where)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx := cmd.Context()
			q, err := quarantineOf(ctx, c, args[0])
			if err != nil {
				return err
			}
			only, n, err := q.chosen(cmd, positions)
			if err != nil {
				return err
			}
			recipe, _, err := recovery.NewRecipe(r.WithDefaults())
			if err != nil {
				return err
			}
			if why := q.recipe.SameEnds(&recipe); why != "" {
				return &failure{Code: codeOtherEnds, Title: fmt.Sprintf("%s is not about the records of job %s", file, q.Job), Detail: why,
					Next: "change steps and rules alone", Exit: client.ExitUsage}
			}
			dir, remove, err := scratch()
			if err != nil {
				return fmt.Errorf("make a directory for the scan: %w", err)
			}
			defer remove()
			a.say("==> %s of job %s", countOf(n, "record"), q.Job)
			if q.More > 0 {
				a.say("==> %s more are counted and not listed; they are not planned", count(q.More))
			}
			p, err := recovery.Build(ctx, r, where.clients(), recovery.Options{
				Cluster: a.clusterID(ctx), Now: time.Now, Scan: a.scanning(dir), Only: only,
			})
			if err != nil {
				return err
			}
			a.say("==> %s to write, %s still refused; the others are in the target already, or outside of the spec's range",
				count(p.Totals.Records), count(int64(len(p.Recipe.Aside))+p.Recipe.AsideMore))
			if a.outFile != "" {
				if err := p.WriteFile(a.outFile); err != nil {
					return err
				}
			}
			return a.printPlan(ctx, p, a.outFile, where.again())
		},
	}
	f := cmd.Flags()
	where.flags(f)
	f.StringVarP(&file, "file", "f", "", "`file` with the mended spec")
	f.StringSliceVar(&positions, "position", nil, "`record` to plan, as list prints it; may be given several times. Without it all")
	f.StringVar(&a.outFile, "out", "", "`file` to save the plan to")
	f.BoolVarP(&a.all, "all", "a", false, "also partitions that need nothing")
	return cmd
}

// chosen are the records that a person names, all when nobody names any, by partition.
func (q *quarantine) chosen(cmd *cobra.Command, positions []string) (map[int32]partition.Ranges, int64, error) {
	only := map[int32]partition.Ranges{}
	take := func(part int32, at partition.Offset) {
		only[part] = append(only[part], partition.Range{From: at, To: at + 1})
	}
	for _, text := range positions {
		at, err := parseSpot(text)
		if err != nil {
			return nil, 0, usage(cmd, err)
		}
		x, ok := q.find(at)
		if !ok {
			return nil, 0, q.missingFrom(at)
		}
		if x.Discarded != nil {
			return nil, 0, &failure{Code: codeDiscarded, Title: fmt.Sprintf("record %s of job %s is discarded", at, q.Job),
				Detail: fmt.Sprintf("%s has given it up: %s.", x.Discarded.By, printable(x.Discarded.Reason)),
				Next:   fmt.Sprintf("backstitch quarantine restore %s --position %s", q.Job, at), Exit: client.ExitConflict}
		}
		take(at.part, at.offset)
	}
	if len(positions) == 0 {
		for _, x := range q.Records {
			if x.Discarded == nil {
				take(x.Partition, partition.Offset(x.Offset))
			}
		}
	}
	n := int64(0)
	for part := range only {
		only[part] = partition.Normalize(slices.Clone(only[part]))
		n += only[part].Len()
	}
	if n == 0 {
		detail := "There is nothing to plan."
		if len(q.Records) > 0 {
			detail += " All that it has set aside is discarded."
		}
		return nil, 0, &failure{Code: codeNotAside, Title: fmt.Sprintf("job %s has no open records in quarantine", q.Job), Detail: detail,
			Next: "backstitch quarantine list " + q.Job, Exit: client.ExitNotFound}
	}
	return only, n, nil
}
