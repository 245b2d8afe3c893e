package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newToken(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list and revoke tokens for people and programs"}
	cmd.AddCommand(newTokenCreate(a), newTokenList(a), newTokenShow(a), newTokenRevoke(a))
	return cmd
}

func newTokenCreate(a *app) *cobra.Command {
	var t client.CreateToken
	ttl, out := time.Duration(0), ""
	cmd := changes(&cobra.Command{
		Use:   "create FOR",
		Short: "Make a token; it is shown once",
		Long: `Make a token. FOR says whom or what it is for. With a role it may do what that role may, in its namespaces or, without any, in all; without a role
backstitch policy put says what it may do. It can not be used outside its namespaces, whatever policies say. The book keeps a hash of it, so
nobody can show it again.

Roles, each with what those before it may do: viewer reads, operator submits and steers work, approver says yes to what others want to do, admin
changes the cluster and says who may do what.

Exit status: 0 it is made, 2 usage, 11 access is not controlled yet, 12 refused.`,
		Example: "  backstitch token create \"ann, on call\" --role approver --namespace payments --ttl 12h --out ./ann.token\n  backstitch token create prometheus --role viewer --ttl 2160h --out ./prometheus.token",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			t.Reason, t.TTL = args[0], ttl.String()
			return a.newToken(out, func() (client.NewToken, error) { return c.CreateToken(cmd.Context(), t) })
		}),
	})
	f := cmd.Flags()
	f.StringVar(&t.Role, "role", "", "what it may do: a `role` viewer, operator, approver or admin")
	f.StringSliceVar(&t.Namespaces, "namespace", nil, "where it can be used: a `namespace`; may be given several times")
	f.DurationVar(&ttl, "ttl", 12*time.Hour, "how long it is good for, at most 8784h")
	f.StringVar(&out, "out", "", "write the token into this new `file`, for its owner to read alone, instead of showing it")
	return cmd
}

func newTokenList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all tokens without their texts, also those that have ended",
		Example: "  backstitch token list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(tokensAnswer(all))
		}),
	}
}

func tokensAnswer(all []client.Token) answer {
	var names []string
	var rows [][]string
	for _, t := range all {
		names = append(names, t.Accessor)
		until := "-"
		if t.Expires != nil {
			until = stamp(*t.Expires)
		}
		roles := make([]string, 0, len(t.Policies))
		for _, p := range t.Policies {
			roles = append(roles, p.Role+" in "+spaceText(p.Namespace))
		}
		rows = append(rows, []string{t.Accessor, t.State, dash(strings.Join(roles, ", ")), until, t.By, dash(t.Why)})
	}
	return answer{value: client.Tokens{Tokens: append([]client.Token{}, all...)}, rows: anys(all), names: names, text: func(w io.Writer) error {
		if len(rows) == 0 {
			_, err := fmt.Fprintln(w, "No tokens: whoever reaches a node may do everything.  Next: backstitch access bootstrap")
			return err
		}
		return grid(w, []string{"ACCESSOR", "STATE", "MAY", "UNTIL", "BY", "FOR"}, rows)
	}}
}

func newTokenShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show ACCESSOR",
		Short:   "Show one token without its text",
		Example: "  backstitch token show mfrggzdfmztwq2lk",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			t, err := c.Token(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(oneToken(t))
		}),
	}
}

func oneToken(t client.Token) answer {
	return answer{value: t, names: []string{t.Accessor}, text: func(w io.Writer) error {
		fmt.Fprintf(w, "Token %s is %s.  For %s.  Made by %s at %s.\n", t.Accessor, t.State, dash(t.Why), t.By, stamp(t.At))
		if t.EndedAt != nil {
			_, err := fmt.Fprintf(w, "It ended at %s, by %s: %s\n", stamp(*t.EndedAt), t.EndedBy, dash(t.EndedWhy))
			return err
		}
		if t.Expires != nil {
			fmt.Fprintf(w, "It ends at %s.\n", stamp(*t.Expires))
		}
		if len(t.Namespaces) > 0 {
			fmt.Fprintf(w, "It can be used in %s alone.\n", strings.Join(t.Namespaces, ", "))
		}
		_, err := fmt.Fprintln(w, rolesText(t.Policies))
		return err
	}}
}

func newTokenRevoke(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "revoke ACCESSOR",
		Short: "Make a token good for nothing, at once",
		Long: `Make a token good for nothing. What it has submitted goes on; what it commands from now on is refused, on every node.

Exit status: 0 it has ended, 2 usage, 10 there is no such token, 12 refused.`,
		Example: "  backstitch token revoke mfrggzdfmztwq2lk --reason \"laptop lost\"",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			t, err := c.RevokeToken(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return a.print(oneToken(t))
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}
