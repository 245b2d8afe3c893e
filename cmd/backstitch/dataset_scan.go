package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newDatasetScan(a *app) *cobra.Command {
	reason, wait, detailed := "", false, false
	cmd := changes(&cobra.Command{
		Use:   "scan [NAMESPACE/]NAME",
		Short: "Scan a dataset now, as its schedule would",
		Long: `Scan each target of a dataset against its reference now, as its schedule would: with all nodes of the cluster, at the dataset's rate, and
what is found goes the way of its policy. Of a target of which a scan runs already none is started, and that one is shown.

With --wait the scans are followed to their end, and the exit status is 0 when everything was compared, 5 when nothing could be, and 1
when one failed or was cancelled. Ctrl-C stops watching and never a scan.`,
		Example: "  backstitch dataset scan orders --wait\n  backstitch dataset scan orders --reason INC-4711 -o json | jq -r '.scans[].id'",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeDatasets,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		namespace, name := datasetNames(args[0])
		out, err := c.ScanDataset(cmd.Context(), namespace, name, reason)
		if err != nil {
			return err
		}
		if wait {
			for i, s := range out.Scans {
				a.say("Scan %s accepted.  Ctrl-C leaves it running.", s.ID)
				if out.Scans[i].Scan, err = a.followScan(cmd, c, s.ID); err != nil {
					return err
				}
			}
		}
		var names []string
		for _, s := range out.Scans {
			names = append(names, s.ID)
		}
		err = a.print(answer{value: out, rows: anys(out.Scans), names: names, text: func(w io.Writer) error {
			for _, s := range out.Scans {
				if s.Before {
					fmt.Fprintln(w, "It ran already:")
				}
				if err := scanText(w, s.Scan); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil || !wait {
			return err
		}
		return scansOutcome(out.Scans, detailed)
	})
	f := cmd.Flags()
	f.StringVar(&reason, "reason", "", "`why`, for the audit trail")
	f.BoolVar(&wait, "wait", false, "follow the scans to their end")
	f.BoolVar(&detailed, "detailed-exitcode", false, "with --wait: exit with 8 when something is missing, and with 5 when nothing is and something can not be compared")
	return cmd
}

// scansOutcome is the exit status of scans that have ended: what failed weighs more than what is missing, and that more than what can not be compared.
func scansOutcome(scans []client.DatasetScan, detailed bool) error {
	weights := []error{nil, exitStatus(client.ExitIndeterminate), exitStatus(client.ExitWork), exitStatus(client.ExitFailed)}
	worst := 0
	for _, s := range scans {
		worst = max(worst, slices.Index(weights, scanOutcome(s.Scan, detailed)))
	}
	return weights[worst]
}
