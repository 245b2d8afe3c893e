package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// outFileKey marks a command whose -o takes a file name as well as a format.
const outFileKey = "output-file"

func newPlan(a *app) *cobra.Command {
	var about subject
	var kept keeping
	scan := ""
	detailed := false
	cmd := &cobra.Command{
		Use:   "plan {-f SPEC | --scan ID | TOPIC}",
		Short: "Freeze what a repair would write, and where",
		Long: `Compare reference and target now and freeze what is missing into a plan: every position that would be written, every object that
would be read, what was looked at before. Nothing is written but the plan. run does exactly what it says, or refuses because the
world moved.

-o takes a format or the name of the file to save to; --out always takes the file.`,
		Example:     "  backstitch plan orders --kafka HOST:9092 --archive s3://acme-archive/orders -o orders.plan\n  backstitch plan -f orders.yaml --out orders.plan -o json",
		Args:        cobra.MaximumNArgs(1),
		Annotations: map[string]string{outFileKey: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			load := func() (*spec.Recovery, error) { return about.load(a, cmd, args) }
			if scan != "" {
				load = func() (*spec.Recovery, error) { return a.scannedSpec(cmd, &about.where, scan, args) }
			}
			r, err := load()
			if err != nil {
				return err
			}
			p, err := a.build(cmd.Context(), &about.where, r, a.clusterID(cmd.Context()), &kept)
			if err != nil {
				return about.placed(err)
			}
			if a.outFile != "" {
				if err := p.WriteFile(a.outFile); err != nil {
					return err
				}
			}
			if err := a.printPlan(cmd.Context(), p, a.outFile, about.where.again()); err != nil {
				return err
			}
			if detailed {
				return detailedStatus(!p.Empty(), p.Totals.Cannot)
			}
			return nil
		},
	}
	about.flags(cmd)
	kept.flag(cmd)
	cmd.Flags().StringVar(&scan, "scan", "", "`id` of a scan of the cluster: compare anew, from here, what it has compared")
	cmd.Flags().StringVar(&a.outFile, "out", "", "`file` to save the plan to")
	cmd.Flags().BoolVarP(&a.all, "all", "a", false, "also partitions that need nothing")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 8 when there is something to write, and with 5 when there is not and something can not be compared")
	return cmd
}

// clusterID asks for the id of the cluster that the plan is for. A plan can be made without one, so nobody waits long.
func (a *app) clusterID(ctx context.Context) string {
	c, err := a.patientClient(0)
	if err != nil {
		return ""
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := c.Cluster(short)
	if err != nil {
		a.say("==> no node answers at %s; the plan is for any cluster", a.addr[0])
		return ""
	}
	return s.ID
}

// limitsOf asks for the limits that p would fall under if it ran now. A plan is worth seeing without them.
func (a *app) limitsOf(ctx context.Context, p *recovery.Plan) (out []recovery.Limit) {
	if p.Cluster == "" || a.output != "" && a.output != "text" {
		return nil
	}
	c, err := a.patientClient(0)
	if err != nil {
		return nil
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	all, err := c.Budgets(short, "")
	if err != nil {
		return nil
	}
	scopes := (&fsm.Job{Namespace: p.Spec.Metadata.Namespace, Locks: p.Locks()}).Scopes()
	for _, b := range all.Budgets {
		if slices.Contains(scopes, fsm.Scope(b.Scope)) {
			out = append(out, recovery.Limit{Scope: b.Scope, Bytes: b.Rate.Bytes, Records: b.Rate.Records})
		}
	}
	return out
}

// windowsOf asks for the windows of maintenance that p would rest in if it ran now. A plan is worth seeing without them.
func (a *app) windowsOf(ctx context.Context, p *recovery.Plan) (out []calendar.Closure) {
	if p.Cluster == "" || a.output != "" && a.output != "text" {
		return nil
	}
	c, err := a.patientClient(0)
	if err != nil {
		return nil
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	all, err := c.Maintenance(short)
	if err != nil {
		return nil // an older cluster has none
	}
	scopes := (&fsm.Job{Namespace: p.Spec.Metadata.Namespace, Locks: p.Locks()}).Scopes()
	for _, m := range all {
		if slices.Contains(scopes, fsm.Scope(m.Scope)) {
			out = append(out, closureOf(m))
		}
	}
	return out
}

// closureOf is a window as calendars know it.
func closureOf(m client.Maintenance) calendar.Closure {
	out := calendar.Closure{Name: m.Name, Zone: cmp.Or(m.Timezone, "UTC"), Cron: m.Cron, Duration: time.Duration(m.DurationMs) * time.Millisecond}
	if m.From != nil {
		out.From = *m.From
	}
	return out
}

// printPlan prints p as -o says; file is where it was saved, "" for nowhere, and with is what run needs beside it.
func (a *app) printPlan(ctx context.Context, p *recovery.Plan, file, with string) error {
	hash, err := p.Hash()
	if err != nil {
		return err
	}
	limits, windows := a.limitsOf(ctx, p), a.windowsOf(ctx, p)
	return a.print(answer{
		value: struct {
			Hash string         `json:"sha256"`
			File string         `json:"file,omitempty"`
			Job  string         `json:"job"`
			Plan *recovery.Plan `json:"plan"`
		}{fmt.Sprintf("%x", hash), file, string(recovery.JobID(hash)), p},
		rows: anys(p.Parts), names: []string{string(recovery.JobID(hash))},
		text: func(w io.Writer) error {
			return p.WriteText(w, recovery.RenderOptions{All: a.all, File: file, With: with, Limits: limits, Windows: windows, Now: time.Now()})
		},
	})
}

// plannedRanges are the positions that a plan file would write, by partition.
func plannedRanges(file string) (map[int32][]partition.Range, error) {
	p, err := recovery.ReadFile(file, "")
	if err != nil {
		return nil, err
	}
	out := map[int32][]partition.Range{}
	for _, s := range p.Slices {
		if s.Kind != partition.SliceFill.String() {
			continue
		}
		for _, r := range s.Ranges {
			out[s.Partition] = append(out[s.Partition], partition.Range{From: r[0], To: r[1]})
		}
	}
	return out, nil
}
