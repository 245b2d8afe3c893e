package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newClusterDrain(a *app) *cobra.Command {
	reason, deadline := "", 10*time.Minute
	cmd := changes(&cobra.Command{
		Use:   "drain NODE",
		Short: "Move a node's work away before a restart",
		Long: `Make a node hand over its slices at their checkpoints and take no new ones, and wait until it has none. The node stays a
member and keeps its vote.`,
		Example:           `  backstitch cluster drain node-c --deadline 10m --reason "kernel update"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNodes,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			began := time.Now()
			m, err := c.Drain(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			a.say("==> %s: takes no new slices; %d moving", m.Name, m.Leases)
			ctx, cancel := context.WithTimeout(cmd.Context(), deadline)
			defer cancel()
			if m, err = drained(ctx, c, m); err != nil {
				return err
			}
			return a.print(answer{value: m, names: []string{m.Name}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "==> %s: drained in %s.   Next: restart it, then: backstitch cluster uncordon %s\n", m.Name,
					time.Since(began).Round(100*time.Millisecond), m.Name)
				return err
			}})
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	cmd.Flags().DurationVar(&deadline, "deadline", deadline, "stop waiting after this `duration`, with exit status 124; the node goes on draining")
	return cmd
}

// drained waits until a node owns no slice.
func drained(ctx context.Context, c *client.Client, m client.Member) (client.Member, error) {
	for m.Leases > 0 {
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return m, &failure{
				Code: codeTimeout, Title: fmt.Sprintf("%s still owns %d slice(s)", m.Name, m.Leases), Exit: client.ExitTimeout,
				Detail: "It goes on draining.", Next: "backstitch cluster drain " + m.Name, Err: ctx.Err(),
			}
		}
		members, err := c.Members(ctx)
		if err != nil {
			return m, err
		}
		for _, now := range members {
			if now.ID == m.ID {
				m = now
			}
		}
	}
	return m, nil
}

func newClusterUncordon(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:               "uncordon NODE",
		Short:             "Let a drained node take work again",
		Example:           "  backstitch cluster uncordon node-c",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNodes,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			m, err := c.Uncordon(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return a.print(answer{value: m, names: []string{m.Name}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is %s.\n", m.Name, m.State)
				return err
			}})
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}
