package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

// groupHealth is the answer of cluster health.
type groupHealth struct {
	OK               bool            `json:"ok"` // what the exit status says
	Healthy          bool            `json:"healthy"`
	FailureTolerance int             `json:"failureTolerance"`
	Wanted           int             `json:"wanted"` // failure tolerance
	Voters           int             `json:"voters"`
	Quorum           int             `json:"quorum"`
	Leader           *client.NodeRef `json:"leader,omitempty"`
	Reasons          []string        `json:"reasons"`
	Servers          []client.Peer   `json:"servers"`
}

func newClusterHealth(a *app) *cobra.Command {
	wanted := 0
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say by the exit status whether the group is healthy, and how much more it can lose, for probes",
		Long: `Say by the exit status whether the Raft group is healthy: somebody leads, every server answers, hears from the leader and is not far behind, and no disk is past its
hard mark. With --tolerance N also whether N more voters may fail. A voter that stays lost loses its place after ten minutes, if enough others remain, so that the group needs fewer
votes; when it comes back it joins by itself.

For a single node, such as behind a load balancer, use GET /healthz/ready.

Exit status: 0 healthy, 1 not healthy or not tolerant enough, 13 nobody leads or nobody answers.`,
		Example: "  backstitch cluster health\n  backstitch cluster health --tolerance 1 -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wanted < 0 {
				return usage(cmd, fmt.Errorf("--tolerance %d is below 0", wanted))
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			s, err := c.Cluster(cmd.Context())
			if err != nil {
				return err
			}
			peers, err := c.Peers(cmd.Context())
			if err != nil {
				return err
			}
			h := judgeGroup(s, peers, wanted)
			var names []string
			for _, p := range h.Servers {
				names = append(names, p.Name)
			}
			if err := a.print(answer{value: h, rows: anys(h.Servers), names: names, text: func(w io.Writer) error { return groupText(w, h) }}); err != nil {
				return err
			}
			switch {
			case h.Leader == nil:
				return exitStatus(client.ExitNoLeader)
			case !h.OK:
				return exitStatus(client.ExitFailed)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&wanted, "tolerance", 0, "`number` of voters that must be able to fail")
	return cmd
}

func judgeGroup(s client.Cluster, peers []client.Peer, wanted int) groupHealth {
	return groupHealth{
		OK: s.Healthy && s.Leader != nil && s.FailureTolerance >= wanted, Healthy: s.Healthy, FailureTolerance: s.FailureTolerance, Wanted: wanted, Voters: s.Voters,
		Quorum: s.Quorum, Leader: s.Leader, Reasons: append([]string{}, s.Reasons...), Servers: append([]client.Peer{}, peers...),
	}
}

func groupText(w io.Writer, h groupHealth) error {
	verdict := "healthy"
	switch {
	case !h.Healthy:
		verdict = "not healthy: " + strings.Join(h.Reasons, "; ")
	case !h.OK:
		verdict = fmt.Sprintf("healthy, and %d voters may fail where %d are wanted", h.FailureTolerance, h.Wanted)
	}
	leader := "nobody leads"
	if h.Leader != nil {
		leader = "leader " + h.Leader.Name
	}
	if _, err := fmt.Fprintf(w, "%s\n%d voters, quorum %d, %d may fail, %s\n", verdict, h.Voters, h.Quorum, h.FailureTolerance, leader); err != nil {
		return err
	}
	var rows [][]string
	for _, p := range h.Servers {
		why := p.Reason
		if p.PlaceUntil != nil {
			why += "; it keeps its place until " + stamp(*p.PlaceUntil) + " at least"
		}
		rows = append(rows, []string{p.Name, p.State, fmt.Sprint(p.Voter), fmt.Sprint(p.Healthy), why})
	}
	return grid(w, []string{"NODE", "STATE", "VOTER", "HEALTHY", ""}, rows)
}
