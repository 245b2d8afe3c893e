package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/publish"
)

func newAlias(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "alias", Short: "Where readers are to go: names for what jobs have published"}
	cmd.AddCommand(newAliasList(a), newAliasShow(a))
	return cmd
}

func newAliasList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the aliases of the cluster",
		Example: "  backstitch alias list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Aliases(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, x := range all {
				v, _ := current(x)
				names = append(names, x.Name)
				rows = append(rows, []string{x.Name, publish.Place{Name: x.Place, Topic: x.Topic}.String(), fmt.Sprint(x.Version), dash(v.Job), dash(v.By), stamp(v.At), dash(v.Why)})
			}
			return a.print(answer{value: client.Aliases{Aliases: append([]client.Alias{}, all...)}, rows: anys(all), names: names, text: func(w io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(w, "No aliases.  Next: backstitch publish JOB --as NAME")
					return err
				}
				return grid(w, []string{"ALIAS", "READERS GO TO", "VERSION", "JOB", "BY", "SINCE", "WHY"}, rows)
			}})
		}),
	}
}

func newAliasShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ALIAS",
		Short: "Show where an alias sends its readers, and where it sent them before",
		Long: `Show where an alias sends its readers, and every version before with the job whose proof allowed it. What resolves the name asks
GET /v1/aliases/ALIAS of any node, with ?index=N&wait=30s to hear of a change at once.

Exit status: 0 it is there, 10 there is no such alias.`,
		Example:           "  backstitch alias show orders\n  backstitch alias show orders -o json | jq -r .topic",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAliases,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			x, err := c.Alias(cmd.Context(), args[0], client.Blocking{})
			if err != nil {
				return err
			}
			return a.print(answer{value: x, rows: anys(x.Versions), names: []string{x.Name}, text: func(w io.Writer) error { return aliasText(w, x) }})
		}),
	}
}

// current is the version that readers are sent to; ok is false when there is none.
func current(x client.Alias) (client.AliasVersion, bool) {
	for _, v := range x.Versions {
		if v.Version == x.Version {
			return v, true
		}
	}
	return client.AliasVersion{}, false
}

func aliasText(w io.Writer, x client.Alias) error {
	fmt.Fprintf(w, "Alias %s   readers go to %s   version %d (index %d)\n", x.Name, publish.Place{Name: x.Place, Topic: x.Topic}, x.Version, x.Index)
	var rows [][]string
	for _, v := range x.Versions {
		state, by, at, why := v.State, v.By, v.At, v.Why
		switch {
		case v.Version == x.Version:
			state = "current"
		case state == "published":
			state = "kept"
		case v.RevertedAt != nil:
			by, at, why = v.RevertedBy, *v.RevertedAt, v.RevertWhy
		}
		rows = append(rows, []string{fmt.Sprint(v.Version), state, publish.Place{Name: v.Place, Topic: v.Topic}.String(), dash(v.Job), dash(v.Proof), dash(strings.Join(v.Groups, ",")), by, stamp(at), dash(why)})
	}
	if err := grid(w, []string{"VERSION", "STATE", "PLACE", "JOB", "PROOF", "GROUPS", "BY", "AT", "WHY"}, rows); err != nil {
		return err
	}
	for _, v := range x.Versions {
		switch v.State {
		case "staged":
			fmt.Fprintf(w, "Not finished. Next: backstitch publish %s --as %s     or   backstitch rollback %s\n", v.Job, x.Name, v.Job)
		case "reverting":
			fmt.Fprintf(w, "Not finished. Next: backstitch rollback %s\n", v.Job)
		}
	}
	return nil
}

func (a *app) completeAliases(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		all, _ := c.Aliases(ctx)
		var out []string
		for _, x := range all {
			out = append(out, x.Name)
		}
		return out
	})
}
