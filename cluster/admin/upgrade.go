package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// This file tells how far a rolling upgrade is, and ends it. The trap in it: a node knows the feature levels of its own program and no others. What an older
// one says while the upgrade goes on is not wrong and not all, so it names the members that know more, and finishes nothing in their stead.

func (s *Server) showUpgrade(context.Context, *struct{}) (*indexed[client.Upgrade], error) {
	alive, leader := s.node.Alive(), s.node.Leader()
	return reading(s, func(view *fsm.View) (client.Upgrade, error) {
		members, err := view.Members()
		if err != nil {
			return client.Upgrade{}, err
		}
		level, err := view.Version()
		if err != nil {
			return client.Upgrade{}, err
		}
		who, err := view.Upgrade()
		if err != nil {
			return client.Upgrade{}, err
		}
		return describeUpgrade(level, who, members, alive, leader), nil
	})
}

func describeUpgrade(level uint32, who fsm.Upgrade, members []fsm.Member, alive map[partition.NodeID]bool, leader partition.NodeID) client.Upgrade {
	out := client.Upgrade{
		State: client.UpgradeDone, Mode: client.UpgradeAutomatic, ModeBy: who.PutBy, ModeAt: instant(who.PutUnixNanos), Why: who.Why,
		Level: level, Newest: fsm.LatestVersion, Brings: []client.FeatureLevel{}, Members: []client.UpgradeMember{}, Behind: []string{}, Ahead: []string{},
	}
	if who.ByHand {
		out.Mode = client.UpgradeManual
	}
	for _, l := range fsm.Levels(level, fsm.LatestVersion) {
		out.Brings = append(out.Brings, client.FeatureLevel{Level: l.Version, Brings: l.Brings, Commands: l.Ops})
	}
	type program struct {
		version string
		maxOp   uint16
	}
	programs := map[program]bool{}
	members = slices.DeleteFunc(slices.Clone(members), func(m fsm.Member) bool { return m.State == fsm.MemberLeft })
	turn := func(m fsm.Member) int {
		switch {
		case m.ID == leader:
			return 2
		case m.Role == fsm.RoleVoter:
			return 1
		}
		return 0
	}
	slices.SortFunc(members, func(a, b fsm.Member) int { return cmp.Or(cmp.Compare(turn(a), turn(b)), cmp.Compare(a.Name, b.Name)) })
	for _, m := range members {
		programs[program{m.Version, m.MaxOp}] = true
		out.Members = append(out.Members, client.UpgradeMember{
			Name: m.Name, Version: m.Version, Level: fsm.LevelOf(m.MaxOp), Role: m.Role.String(), State: m.State.String(), Alive: alive[m.ID],
			Leader: m.ID == leader, API: m.APIAddr,
		})
		switch {
		case m.MaxOp > fsm.MaxOp:
			out.Ahead = append(out.Ahead, m.Name)
		case fsm.LevelOf(m.MaxOp) < out.Newest:
			out.Behind = append(out.Behind, m.Name)
		}
	}
	switch {
	case len(programs) > 1:
		out.State = client.UpgradeRolling
	case level < out.Newest || len(out.Ahead) > 0:
		out.State = client.UpgradeWaiting
	}
	return out
}

func (s *Server) setUpgrade(ctx context.Context, in *struct {
	Keyed
	Body client.SetUpgrade
}) (*indexed[client.Upgrade], error) {
	cmd := fsm.SetUpgrade{ByHand: in.Body.Mode == client.UpgradeManual}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	return s.upgrading(ctx, s.envelope(ctx, in.Keyed, "upgrade", in.Body.Reason), cmd)
}

// upgrading proposes cmd and answers with what is there then.
func (s *Server) upgrading(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (*indexed[client.Upgrade], error) {
	result, err := s.propose(ctx, env, cmd, "upgrade")
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.showUpgrade(ctx, nil)
}

// finishUpgrade switches a feature level on, once every member can apply it. The book checks that again, and names one member; here all are named.
func (s *Server) finishUpgrade(ctx context.Context, in *struct {
	Keyed
	Body client.FinishUpgrade
}) (*indexed[client.Upgrade], error) {
	now, err := s.showUpgrade(ctx, nil)
	if err != nil {
		return nil, err
	}
	u := now.Body
	to := cmp.Or(in.Body.Level, u.Newest)
	switch {
	case to < u.Level:
		return nil, invalid(fmt.Sprintf("feature level %d is on, and a level is never taken back", u.Level), "backstitch cluster upgrade status")
	case to > u.Newest || (len(u.Ahead) > 0 && in.Body.Level == 0):
		return nil, s.askAnother(u)
	case to == u.Level:
		return now, nil
	}
	var behind []string
	for _, m := range u.Members {
		if m.Level < to {
			behind = append(behind, fmt.Sprintf("%s runs %s, which knows levels up to %d", m.Name, m.Version, m.Level))
		}
	}
	if len(behind) > 0 {
		return nil, newProblem(http.StatusConflict, client.CodeNeedsVersion, fmt.Sprintf("not every member can apply feature level %d", to), strings.Join(behind, "; "),
			"upgrade these nodes; one that is gone for good: backstitch cluster raft remove-peer NODE")
	}
	var cmd fsm.Command = fsm.FinishUpgrade{Version: to}
	if since, _ := fsm.Since(cmd.Op()); since > u.Level {
		cmd = fsm.RaiseVersion{Version: to} // nobody can have said yet that only a person may
	}
	return s.upgrading(ctx, s.envelope(ctx, in.Keyed, "finish-upgrade", in.Body.Reason), cmd)
}

// askAnother says that this node's program does not know what is to be switched on.
func (s *Server) askAnother(u client.Upgrade) error {
	next := "the newest level that the cluster's programs know: backstitch cluster upgrade plan"
	for _, m := range u.Members {
		if slices.Contains(u.Ahead, m.Name) {
			next = fmt.Sprintf("ask %s, which runs %s: --addr %s", m.Name, m.Version, m.API)
			break
		}
	}
	return newProblem(http.StatusConflict, client.CodeNeedsVersion, "this node's program does not know the newest feature level",
		fmt.Sprintf("%s knows levels up to %d", s.node.Name(), u.Newest), next)
}
