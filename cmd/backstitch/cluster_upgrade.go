package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newClusterUpgrade(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "upgrade", Short: "Plan a rolling upgrade, see how far it is, and switch on what it brings"}
	cmd.AddCommand(newUpgradePlan(a), newUpgradeStatus(a), newUpgradeFinish(a), newUpgradeMode(a))
	return cmd
}

func newUpgradePlan(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Say what each member runs, in which order to upgrade, and what is switched on with the end of it",
		Long: `Say what each member runs, in which order to upgrade them, and what is switched on with the end of it. Nothing is changed. A node knows the
feature levels of its own program: once one member runs the newer program, ask that one.`,
		Example: "  backstitch cluster upgrade plan\n  backstitch cluster upgrade plan --addr node-c:7420",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			u, err := c.Upgrade(cmd.Context())
			if err != nil {
				return err
			}
			return a.printUpgrade(u, upgradePlanText)
		}),
	}
}

func newUpgradeStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say how far a rolling upgrade is",
		Example: "  backstitch cluster upgrade status\n  backstitch cluster upgrade status -o json | jq -r .state     # done, rolling or waiting",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			u, err := c.Upgrade(cmd.Context())
			if err != nil {
				return err
			}
			return a.printUpgrade(u, upgradeText)
		}),
	}
}

func newUpgradeFinish(a *app) *cobra.Command {
	level, reason := uint32(0), ""
	cmd := changes(&cobra.Command{
		Use:   "finish",
		Short: "Switch on what an upgrade brings; there is no way back",
		Long: `Switch the newest feature level on, once every member that has not left can apply it. A program from before that level never again opens a node's data, so
there is no way back: take a snapshot first. Where nobody has set the mode manual, the leader does the same by itself.

Exit status: 0 it is on, also when it was before; 1 a member can not apply it, and is named (BST-E1007).`,
		Example: "  backstitch cluster snapshot save before.snap\n  backstitch cluster upgrade finish --reason CHG-4711",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			u, err := c.Upgrade(cmd.Context())
			if err != nil {
				return err
			}
			if to := cmp.Or(level, u.Newest); to > u.Level && able(u, to) { // otherwise nothing happens, and the node says why
				question := fmt.Sprintf("Switch feature level %d on, where %d is on? No program that knows less can open the data of a node any more.", to, u.Level)
				if err := a.confirm(question, "--yes"); err != nil {
					return err
				}
			}
			u, err = c.FinishUpgrade(cmd.Context(), client.FinishUpgrade{Level: level, Reason: reason})
			if err != nil {
				return err
			}
			return a.printUpgrade(u, upgradeText)
		}),
	})
	cmd.Flags().Uint32Var(&level, "level", 0, "feature `level` to switch on, with all below it; without it the newest one")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

// able reports whether every member can apply a level, as far as the node that answered knows.
func able(u client.Upgrade, level uint32) bool {
	return !slices.ContainsFunc(u.Members, func(m client.UpgradeMember) bool { return m.Level < level })
}

func newUpgradeMode(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "mode manual|automatic",
		Short: "Say who switches a new feature level on: a person, or the leader",
		Long: `Say who switches a new feature level on. automatic, as a cluster begins: the leader, as soon as every member can apply it. manual: a person, by
backstitch cluster upgrade finish. Until then every member can go back to the program before.`,
		Example:   `  backstitch cluster upgrade mode manual --reason "go back for a week"`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{client.UpgradeManual, client.UpgradeAutomatic},
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			u, err := c.SetUpgrade(cmd.Context(), client.SetUpgrade{Mode: args[0], Reason: reason})
			if err != nil {
				return err
			}
			return a.printUpgrade(u, upgradeText)
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func (a *app) printUpgrade(u client.Upgrade, text func(io.Writer, client.Upgrade) error) error {
	var names []string
	for _, m := range u.Members {
		names = append(names, m.Name)
	}
	return a.print(answer{value: u, rows: anys(u.Members), names: names, text: func(w io.Writer) error { return text(w, u) }})
}

// upgradeText says where an upgrade stands and what to type next.
func upgradeText(w io.Writer, u client.Upgrade) error {
	able := len(u.Members) - len(u.Behind)
	state := map[string]string{
		client.UpgradeDone:    "done: every member runs one program, and all that it brings is switched on",
		client.UpgradeRolling: fmt.Sprintf("rolling: members run different programs; %d of %d can apply feature level %d", able, len(u.Members), u.Newest),
		client.UpgradeWaiting: fmt.Sprintf("waiting: every member can apply feature level %d, which is not switched on", u.Newest),
	}[u.State]
	if u.State == client.UpgradeWaiting && len(u.Ahead) > 0 {
		state = "waiting: every member runs a program that knows more than the one that answered"
	}
	mode := u.Mode
	if u.ModeBy != "" {
		mode += ", by " + u.ModeBy
	}
	if u.Why != "" {
		mode += ": " + u.Why
	}
	for _, row := range [][2]string{{"Upgrade", state}, {"Feature level", fmt.Sprintf("%d is on; the program that answered knows %d", u.Level, u.Newest)}, {"Switched on", mode}} {
		if _, err := fmt.Fprintf(w, "%-14s %s\n", row[0], row[1]); err != nil {
			return err
		}
	}
	if err := upgradeMembers(w, u); err != nil {
		return err
	}
	if next := upgradeNext(u); next != "" {
		if _, err := fmt.Fprintf(w, "Next: %s\n", next); err != nil {
			return err
		}
	}
	return nil
}

func upgradeMembers(w io.Writer, u client.Upgrade) error {
	var rows [][]string
	for _, m := range u.Members {
		role, state, level := m.Role, m.State, fmt.Sprint(m.Level)
		if m.Leader {
			role += ", leader"
		}
		if !m.Alive {
			state += ", lost"
		}
		if slices.Contains(u.Ahead, m.Name) {
			level = fmt.Sprintf("above %d", u.Newest)
		}
		rows = append(rows, []string{m.Name, role, state, m.Version, level})
	}
	return grid(w, []string{"NODE", "ROLE", "STATE", "VERSION", "KNOWS LEVEL"}, rows)
}

func upgradeNext(u client.Upgrade) string {
	for _, m := range u.Members {
		if slices.Contains(u.Ahead, m.Name) {
			return fmt.Sprintf("%s runs a newer program and knows more: backstitch cluster upgrade plan --addr %s", m.Name, m.API)
		}
	}
	switch {
	case u.State == client.UpgradeWaiting && u.Mode == client.UpgradeManual:
		return "backstitch cluster upgrade finish     (there is no way back: backstitch cluster snapshot save FILE first)"
	case u.State == client.UpgradeWaiting:
		return "the leader switches it on by itself"
	case len(u.Behind) > 0:
		return "upgrade " + strings.Join(u.Behind, ", ") + ":  backstitch cluster upgrade plan"
	}
	return ""
}

// upgradePlanText says what to do, in which order, and what it means.
func upgradePlanText(w io.Writer, u client.Upgrade) error {
	if err := upgradeMembers(w, u); err != nil {
		return err
	}
	say := func(format string, args ...any) (err error) {
		_, err = fmt.Fprintf(w, format+"\n", args...)
		return err
	}
	var left []string
	for _, m := range u.Members {
		if len(u.Ahead) > 0 && slices.Contains(u.Ahead, m.Name) || len(u.Behind) > 0 && !slices.Contains(u.Behind, m.Name) {
			continue
		}
		left = append(left, m.Name)
	}
	var lost []string
	for _, m := range u.Members {
		if !m.Alive {
			lost = append(lost, m.Name)
		}
	}
	if err := say("\nOrder          %s     each: drain, stop, start the new program, uncordon, wait until healthy", strings.Join(left, ", ")); err != nil {
		return err
	}
	if len(lost) > 0 {
		if err := say("Lost           %s: start it first, or take it out; it counts, since it has to apply the log when it comes back", strings.Join(lost, ", ")); err != nil {
			return err
		}
	}
	if len(u.Brings) == 0 {
		if err := say("Switched on    nothing: feature level %d is on, and the program that answered knows no newer one", u.Level); err != nil {
			return err
		}
	}
	for _, l := range u.Brings {
		if err := say("Switched on    level %d: %s (%d commands)", l.Level, l.Brings, len(l.Commands)); err != nil {
			return err
		}
	}
	when := "as soon as every member can apply it, by the leader     (to say it yourself: backstitch cluster upgrade mode manual)"
	if u.Mode == client.UpgradeManual {
		when = "by you, once every member can apply it: backstitch cluster upgrade finish"
	}
	if err := say("When           %s", when); err != nil {
		return err
	}
	if err := say("Way back       until then each member can go back to the program before; after it none can (exit status 21, BST-E0202)"); err != nil {
		return err
	}
	if next := upgradeNext(u); next != "" && len(u.Ahead) > 0 {
		return say("Next: %s", next)
	}
	return nil
}
