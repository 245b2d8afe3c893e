package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
)

func newGaps(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "gaps", Short: "Show what is missing: of a topic against its archive, by content; of what a group has seen"}
	all := false
	heatmap := gapsCommand(a, &cobra.Command{
		Use:   "heatmap [TOPIC]",
		Short: "Draw what is missing, as partitions by time",
		Example: `  backstitch gaps heatmap orders --kafka localhost:9092 --archive s3://acme-archive/orders
  backstitch gaps heatmap orders --kafka localhost:9092 --archive s3://lab/orders --s3 http://localhost:9000
  backstitch gaps heatmap -f orders.yaml --all`,
		Args: cobra.MaximumNArgs(1),
	}, func(rep *gap.Report, about string) error {
		return a.print(answer{value: rep, rows: anys(rep.Heatmap.Rows), names: findingIDs(rep), text: func(w io.Writer) error {
			return gap.WriteHeatmap(w, rep, gap.RenderOptions{All: all, About: about})
		}})
	})
	heatmap.Flags().BoolVarP(&all, "all", "a", false, "also partitions in which everything is present")
	cmd.AddCommand(
		gapsCommand(a, &cobra.Command{
			Use:     "list [TOPIC]",
			Short:   "List what is missing, one line per finding",
			Example: "  backstitch gaps list orders --kafka localhost:9092 --archive ./archive\n  backstitch gaps list -f orders.yaml -o jsonl",
			Args:    cobra.MaximumNArgs(1),
		}, func(rep *gap.Report, about string) error {
			return a.print(answer{value: rep, rows: anys(rep.Findings), names: findingIDs(rep), text: func(w io.Writer) error {
				return gap.WriteList(w, rep, about)
			}})
		}),
		heatmap,
		newGapsExplain(a),
		newGapsGroup(a),
		newGapsSequence(a),
		newGapsDeadLetters(a),
		newGapsBuckets(a),
		newGapsSink(a),
	)
	return cmd
}

// gapsCommand makes a command that scans and then shows. Every one of them writes nothing anywhere but into a ledger.
func gapsCommand(a *app, cmd *cobra.Command, show func(rep *gap.Report, about string) error) *cobra.Command {
	var about subject
	var kept keeping
	about.flags(cmd)
	scan := ""
	scanFlag(cmd, &scan)
	kept.flag(cmd)
	detailed := false
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 8 when something is missing, and with 5 when nothing is and something can not be compared")
	cmd.Long = cmd.Short + `.

Reads the topic and the archive from here; no agent is needed, and nothing is written anywhere but in the directory that --ledger
names. Loss is shown by content: holes in offsets, compaction and aborted transactions are no loss. With --scan nothing is read but
what a scan of the cluster has kept.

With --ledger a scan keeps a digest of each record that it reads, and the next one reads only what is new and what the brokers and
the store do not vouch for. It finds the same; how much was read, and what was not believed, it says on standard error. A proof never
looks at a ledger.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rep, again, err := a.reportOf(cmd, &about, scan, &kept, args)
		if err != nil {
			return err
		}
		gap.NameRunbooks(rep.Findings)
		if err := show(rep, again); err != nil {
			return err
		}
		if detailed {
			records, _ := rep.Lost()
			return detailedStatus(records > 0, rep.Unknown())
		}
		return nil
	}
	return cmd
}

// detailedStatus is what a script is told about missing records, and about what can not be compared: nobody may take the
// second for "nothing is missing".
func detailedStatus(missing bool, unknown int) error {
	switch {
	case missing:
		return exitStatus(client.ExitWork)
	case unknown > 0:
		return exitStatus(client.ExitIndeterminate)
	}
	return nil
}

func newGapsExplain(a *app) *cobra.Command {
	var about subject
	var kept keeping
	scan := ""
	cmd := &cobra.Command{
		Use:   "explain FINDING [TOPIC]",
		Short: "Show the evidence behind one finding",
		Long: `Show why something is called missing, what else it could have been and is not, and whether it can be repaired. The same data
gives the same findings with the same ids, so the id of an earlier list is found again. Ids of gaps group, sequence, dead-letters, sink
and buckets are explained by the commands below.`,
		Example: `  backstitch gaps explain g-51c9d2.1 orders --kafka localhost:9092 --archive s3://acme-archive/orders
  backstitch gaps explain g-51c9d2.1 -f orders.yaml
  backstitch gaps explain g-51c9d2.1 --scan bs-7f3k2m`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			rep, _, err := a.reportOf(cmd, &about, scan, &kept, args[1:])
			if err != nil {
				return err
			}
			f := rep.Finding(args[0])
			if f == nil {
				return noFinding(args[0], rep)
			}
			f.Runbook = f.Kind.Page()
			return a.print(answer{
				value: struct {
					Finding   *gap.Finding `json:"finding"`
					Partition *gap.Result  `json:"partition"`
					Facts     gap.Facts    `json:"facts"`
				}{f, rep.Result(f.Partition), rep.Facts},
				names: []string{f.ID},
				text:  func(w io.Writer) error { return gap.Explain(w, rep, args[0]) },
			})
		},
	}
	about.flags(cmd)
	scanFlag(cmd, &scan)
	kept.flag(cmd)
	cmd.AddCommand(newExplainGroup(a), newExplainSequence(a), newExplainDeadLetters(a), newExplainSink(a), newExplainBuckets(a))
	return cmd
}

func noFinding(id string, rep *gap.Report) error {
	return &failure{
		Code: client.CodeNotFound, Title: "there is no finding " + id, Exit: client.ExitNotFound, Err: errors.New("no such finding"),
		Detail: fmt.Sprintf("The scan of now has %d finding(s), %s.*; other data give other ids.", len(rep.Findings), rep.Set),
		Next:   "backstitch gaps list; an id of another command: backstitch gaps explain --help",
	}
}

func findingIDs(rep *gap.Report) []string { return ids(rep.Findings) }
