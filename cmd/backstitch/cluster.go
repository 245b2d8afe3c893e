package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newCluster(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at and administer the cluster"}
	cmd.AddCommand(
		newClusterStatus(a), newClusterMembers(a), newClusterJoin(a), newClusterLeave(a), newClusterDrain(a), newClusterUncordon(a),
		newClusterRaft(a), newClusterLeader(a), newClusterSnapshot(a), newClusterCA(a), newClusterCert(a), newClusterMaintenance(a), newClusterProofKey(a),
		newClusterDebug(a), newClusterKeyring(a), newClusterUpgrade(a), newClusterHealth(a),
	)
	return cmd
}

func newClusterStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say whether the cluster is healthy and how much more it can lose",
		Example: "  backstitch cluster status\n  backstitch cluster status -o json | jq .failureTolerance",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			s, err := c.Cluster(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.print(answer{value: s, names: []string{s.ID}, text: func(w io.Writer) error { return clusterText(w, s) }}); err != nil {
				return err
			}
			if s.Leader == nil {
				return exitStatus(client.ExitNoLeader)
			}
			return nil
		}),
	}
}

func clusterText(w io.Writer, s client.Cluster) error {
	leader := "none"
	if s.Leader != nil {
		leader = fmt.Sprintf("%s (term %d)", s.Leader.Name, s.Term)
	}
	rows := [][2]string{
		{"Healthy", fmt.Sprint(s.Healthy)},
		{"Failure tolerance", fmt.Sprintf("%d (%d voters, quorum %d)", s.FailureTolerance, s.Voters, s.Quorum)},
		{"Leader", leader},
		{"Index", fmt.Sprintf("applied %d, committed %d, last %d", s.AppliedIndex, s.CommitIndex, s.LastIndex)},
		{"Version", strings.Join(s.Versions, ", ") + fmt.Sprintf("   feature level %d", s.Level)},
		{"Disk", diskText(s.Disks)},
		{"Clock skew", clockText(s.Clock)},
		{"Answered by", s.Node.Name},
		{"Cluster", s.ID},
	}
	for _, r := range s.Reasons {
		rows = append(rows, [2]string{"Why not healthy", r})
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(w, "%-18s %s\n", r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// diskText says how full the fullest disk is, and who is past a mark.
func diskText(disks []client.Disk) string {
	var fullest client.Disk
	share, past := 0.0, map[string][]string{}
	for _, d := range disks {
		past[d.Level] = append(past[d.Level], d.Node)
		if d.Bytes > 0 && (fullest.Bytes == 0 || float64(d.Used)/float64(d.Bytes) > share) {
			fullest, share = d, float64(d.Used)/float64(d.Bytes)
		}
	}
	if fullest.Bytes == 0 {
		return "not known"
	}
	out := fmt.Sprintf("%.0f %% max (%s)", 100*share, fullest.Node)
	if n := past["soft"]; len(n) > 0 {
		out += "   no new work for " + strings.Join(n, ", ")
	}
	if n := past["hard"]; len(n) > 0 {
		out += "   no work at all for " + strings.Join(n, ", ")
	}
	return out
}

// clockText says how far clocks are apart.
func clockText(k *client.Clock) string {
	if k == nil {
		return "not known: no other clock could be compared"
	}
	apart := ""
	if k.Apart {
		apart = fmt.Sprintf("   more than %d ms: see to the clock of %s", k.LimitMs, k.Node)
	}
	return fmt.Sprintf("%d ms max (%s), give or take %d ms%s", k.SkewMs, k.Node, k.WithinMs, apart)
}

func newClusterMembers(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "members",
		Short:   "List the nodes",
		Example: "  backstitch cluster members",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			members, err := c.Members(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, m := range members {
				names = append(names, m.Name)
				state := m.State
				if !m.Alive && m.State != "left" {
					state += ", lost"
				}
				role := m.Role
				if m.Leader {
					role += ", leader"
				}
				rows = append(rows, []string{m.Name, short(m.ID), role, state, dash(m.Zone), fmt.Sprint(m.Leases), m.APIAddr, m.RPCAddr, m.Version, m.Why})
			}
			return a.print(answer{value: client.Members{Members: members}, rows: anys(members), names: names, text: func(w io.Writer) error {
				return grid(w, []string{"NODE", "ID", "ROLE", "STATE", "ZONE", "LEASES", "API", "RPC", "VERSION", ""}, rows)
			}})
		}),
	}
}

func newClusterJoin(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:     "join HOST:PORT...",
		Short:   "Make the node at --addr meet others",
		Long:    "Make the node at --addr meet the nodes at these gossip addresses (port 7422). The leader then takes it in.",
		Example: "  backstitch cluster join node-a:7422 --addr node-d:7420",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			out, err := c.Join(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.print(answer{value: out, names: args, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Met %d node(s).  Next: backstitch cluster members\n", out.Contacted)
				return err
			}})
		}),
	})
}

func newClusterLeave(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "leave",
		Short: "Make the node at --addr leave for good",
		Long: `Make the node at the first --addr hand over its work, leave the Raft group and end. For a restart use drain instead: a node
that left comes back as a new one.`,
		Example: "  backstitch cluster leave --addr node-c:7420 --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.confirm(fmt.Sprintf("Make the node at %s leave for good?", a.addr[0]), "--yes"); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.Leave(cmd.Context(), reason); err != nil {
				return err
			}
			return a.print(answer{value: client.Done{}, names: []string{a.addr[0]}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "The node at %s is leaving.  Next: backstitch cluster members --addr ANOTHER-NODE:7420\n", a.addr[0])
				return err
			}})
		},
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func newClusterRaft(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "raft", Short: "Look at and mend the Raft configuration"}
	cmd.AddCommand(newRaftPeers(a), newRaftRemove(a))
	return cmd
}

func newRaftPeers(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list-peers",
		Short:   "List the Raft peers with their lag",
		Example: "  backstitch cluster raft list-peers",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			peers, err := c.Peers(cmd.Context())
			if err != nil {
				return err
			}
			var rows [][]string
			var names []string
			for _, p := range peers {
				contact, lag := "-", "-"
				if p.LastContactMs != nil {
					contact = fmt.Sprintf("%dms", *p.LastContactMs)
				}
				if p.Lag != nil {
					lag = fmt.Sprint(*p.Lag)
				}
				names = append(names, p.Name)
				rows = append(rows, []string{p.Name, short(p.ID), p.Address, p.State, fmt.Sprint(p.Voter), fmt.Sprint(p.Healthy), contact, fmt.Sprint(p.Applied), lag})
			}
			return a.print(answer{value: client.Peers{Peers: peers}, rows: anys(peers), names: names, text: func(w io.Writer) error {
				return grid(w, []string{"NODE", "ID", "ADDRESS", "STATE", "VOTER", "HEALTHY", "LASTCONTACT", "APPLIED", "LAG"}, rows)
			}})
		}),
	}
}

func newRaftRemove(a *app) *cobra.Command {
	confirm := ""
	cmd := changes(&cobra.Command{
		Use:   "remove-peer NODE",
		Short: "Take a node out of the Raft group by force",
		Long: `Take a node that is gone for good out of the Raft group. A node that still runs should leave by itself: backstitch cluster
leave. Removing too many voters loses the quorum, so the node's name has to be typed.`,
		Example:           "  backstitch cluster raft remove-peer node-c --confirm node-c",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeNodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			question := fmt.Sprintf("Remove %s from the Raft group? It can not vote or come back under this id.", args[0])
			if err := a.confirmName(question, args[0], "--confirm", confirm); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.RemovePeer(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.print(answer{value: client.Done{}, names: args, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Removed %s.  Next: backstitch cluster status\n", args[0])
				return err
			}})
		},
	})
	cmd.Flags().StringVar(&confirm, "confirm", "", "the node's `name` once more, where nobody can be asked")
	return cmd
}

func newClusterLeader(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "leader", Short: "Move leadership"}
	to := ""
	transfer := changes(&cobra.Command{
		Use:     "transfer",
		Short:   "Move leadership to another node; running jobs go on",
		Aliases: []string{"step-down"},
		Example: "  backstitch cluster leader transfer --to node-a",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			out, err := c.TransferLeader(cmd.Context(), to)
			if err != nil {
				return err
			}
			return a.print(answer{value: out, names: []string{out.To.Name}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "==> Leadership moved %s -> %s in %d ms (term %d).\n", out.From.Name, out.To.Name, out.Millis, out.Term)
				return err
			}})
		}),
	})
	transfer.Flags().StringVar(&to, "to", "", "`node` that shall lead; without it the leader chooses")
	cmd.AddCommand(transfer)
	return cmd
}
