package main

import (
	"errors"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
)

// The ids of every command below gaps can be explained. A finding is not kept anywhere: the same look with the same flags finds it
// again, so each command has one below explain that takes its flags, with the id in front.

// evidenced is a report whose findings can be explained.
type evidenced interface {
	Explain(id string) (*gap.Explanation, error)
}

// explainCommand makes `gaps explain NAME FINDING ...` of a way to look again. Its Use and Args are of what follows the id.
func explainCommand(a *app, cmd *cobra.Command, look func(cmd *cobra.Command, args []string) (evidenced, error)) *cobra.Command {
	name := cmd.Name()
	cmd.Short = "Show the evidence behind one finding of gaps " + name
	cmd.Long = cmd.Short + `: what each side has, what was ruled out, and from where and until when it can be repaired.
Takes the flags of gaps ` + name + `, and looks again: the same data give the same findings with the same ids.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rep, err := look(cmd, args[1:])
		if err != nil {
			return err
		}
		e, err := rep.Explain(args[0])
		if errors.Is(err, gap.ErrNoFinding) {
			return &failure{
				Code: client.CodeNotFound, Title: "there is no finding " + args[0], Exit: client.ExitNotFound, Err: err, Detail: err.Error() + "; other data give other ids.",
				Next: "backstitch gaps " + name,
			}
		}
		if err != nil {
			return err
		}
		return a.print(answer{value: e, names: []string{e.ID}, text: e.WriteText})
	}
	return cmd
}

func newExplainGroup(a *app) *cobra.Command {
	g := &groupGaps{app: a}
	cmd := explainCommand(a, &cobra.Command{
		Use:     "group FINDING GROUP",
		Example: "  backstitch gaps explain group g-51c9d2.1 billing --kafka localhost:9092",
		Args:    cobra.ExactArgs(2),
	}, func(cmd *cobra.Command, args []string) (evidenced, error) { return g.look(cmd, args[0]) })
	g.flags(cmd)
	return cmd
}

func newExplainSequence(a *app) *cobra.Command {
	s := &sequenceGaps{app: a}
	cmd := explainCommand(a, &cobra.Command{
		Use:     "sequence FINDING TOPIC",
		Example: "  backstitch gaps explain sequence g-51c9d2.1 clicks --kafka localhost:9092 --source /meta/host --sequence /meta/sequence",
		Args:    cobra.ExactArgs(2),
	}, func(cmd *cobra.Command, args []string) (evidenced, error) { return s.look(cmd, args[0]) })
	s.flags(cmd)
	return cmd
}

func newExplainDeadLetters(a *app) *cobra.Command {
	d := &deadLetters{app: a}
	cmd := explainCommand(a, &cobra.Command{
		Use:     "dead-letters FINDING TOPIC",
		Example: "  backstitch gaps explain dead-letters g-51c9d2.1 dlq-s3-sink --kafka localhost:9092",
		Args:    cobra.ExactArgs(2),
	}, func(cmd *cobra.Command, args []string) (evidenced, error) { return d.look(cmd, args[0]) })
	d.flags(cmd)
	return cmd
}

func newExplainSink(a *app) *cobra.Command {
	s := &sinkGaps{app: a}
	cmd := explainCommand(a, &cobra.Command{
		Use:     "sink FINDING [TOPIC]",
		Example: "  backstitch gaps explain sink g-51c9d2.1 orders --kafka localhost:9092 --archive s3://acme-archive/orders",
		Args:    cobra.RangeArgs(1, 2),
	}, func(cmd *cobra.Command, args []string) (evidenced, error) { return s.look(cmd, args) })
	s.flags(cmd)
	return cmd
}

func newExplainBuckets(a *app) *cobra.Command {
	p := newBucketPair()
	cmd := explainCommand(a, &cobra.Command{
		Use:     "buckets FINDING REFERENCE TARGET",
		Example: "  backstitch gaps explain buckets g-51c9d2.1 s3://acme-archive/orders s3://acme-archive-replica/orders",
		Args:    cobra.ExactArgs(3),
	}, func(cmd *cobra.Command, args []string) (evidenced, error) { return p.look(a, cmd, args) })
	p.flags(cmd)
	return cmd
}
