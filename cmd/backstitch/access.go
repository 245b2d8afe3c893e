package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newAccess(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "access", Short: "Begin to control who may do what, and say yes to what wants two people"}
	cmd.AddCommand(newAccessBootstrap(a), newAccessShow(a), newAccessRequests(a), newAccessApprove(a))
	return cmd
}

func newAccessBootstrap(a *app) *cobra.Command {
	out, reason := "", ""
	cmd := changes(&cobra.Command{
		Use:   "bootstrap",
		Short: "Make the first token; from then on roles decide",
		Long: `Make the first token. It is an admin everywhere, has no end, and is shown once. From then on whoever shows neither a token nor a client's
certificate is not let in, and others may do what their role says. Make tokens of their own for people and programs with it, and put it away.

It happens once. A first token that is lost is replaced by somebody who can write into a node's data directory: the command says which number
to write into which file there. The lost one ends with that; all others stay.

Exit status: 0 there is one, 2 usage, 11 there was one already, 12 refused.`,
		Example: "  backstitch access bootstrap --out ./root.token --yes\n  BACKSTITCH_TOKEN_FILE=./root.token backstitch token create \"ann, on call\" --role approver --ttl 720h --out ./ann.token",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.confirm("Let in only those who have a token or a client's certificate from now on?", "--yes"); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			return a.newToken(out, func() (client.NewToken, error) { return c.Bootstrap(cmd.Context(), reason) })
		},
	})
	cmd.Flags().StringVar(&out, "out", "", "write the token into this new `file`, for its owner to read alone, instead of showing it")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

// newToken prints a token that make makes, or writes it into a new file. The file is there before the token is: one that could not be written down
// would be lost.
func (a *app) newToken(file string, make func() (client.NewToken, error)) error {
	var f *os.File
	if file != "" {
		var err error
		if f, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return &failure{Code: codeFile, Title: "the token can not be written down, and was not made", Detail: err.Error(), Next: "--out with a file that does not exist yet",
				Exit: client.ExitUsage, Err: err}
		}
	}
	t, err := make()
	if f != nil {
		if err == nil {
			_, err = f.WriteString(t.Secret + "\n")
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			_ = os.Remove(file)
			return err
		}
		t.Secret = ""
	}
	if err != nil {
		return err
	}
	value := struct {
		client.Token
		Secret string `json:"secret,omitempty"`
		File   string `json:"file,omitempty"`
	}{t.Token, t.Secret, file}
	return a.print(answer{value: value, names: []string{t.Accessor}, text: func(w io.Writer) error {
		end := "It ends when somebody revokes it."
		if t.Expires != nil {
			end = "It ends at " + stamp(*t.Expires) + "."
		}
		fmt.Fprintf(w, "Token %s (this is its accessor).  %s  %s\n", t.Accessor, rolesText(t.Policies), end)
		if file != "" {
			_, err := fmt.Fprintf(w, "Written to %s.  Next: export BACKSTITCH_TOKEN_FILE=%s\n", file, file)
			return err
		}
		_, err := fmt.Fprintf(w, "\n%s\n\nIt is shown this once and kept nowhere.  Next: export BACKSTITCH_TOKEN=...\n", t.Secret)
		return err
	}})
}

// rolesText is what somebody may do where, for people.
func rolesText(ps []client.Policy) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Role+" in "+spaceText(p.Namespace))
	}
	if len(out) == 0 {
		return "No role yet: backstitch policy put."
	}
	return strings.Join(out, ", ") + "."
}

func spaceText(namespace string) string {
	if namespace == "*" {
		return "all namespaces"
	}
	return namespace
}

func newAccessShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show whether roles decide, who you are, and what you may do",
		Example: "  backstitch access show",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			at, err := c.Access(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(whoAnswer(at))
		}),
	}
}

func newAccessRequests(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "requests",
		Short: "List what waits for a second person's yes, and what has it",
		Long: `List what somebody wants to do that wants two people: rollbacks, publishing over something, deleting a dataset, and work of priority 90 and more.
A request waits for a day, and a yes is good for an hour.`,
		Example: "  backstitch access requests",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Requests(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, r := range all {
				names = append(names, r.ID)
				rows = append(rows, []string{r.ID, r.Verb, r.Object, r.Namespace, r.AskedBy, stamp(r.AskedAt), dash(r.SaidBy), stamp(r.Until)})
			}
			value := client.Requests{Requests: append([]client.Request{}, all...)}
			return a.print(answer{value: value, rows: anys(all), names: names, text: func(w io.Writer) error {
				if len(rows) == 0 {
					_, err := fmt.Fprintln(w, "Nothing waits for a second person.")
					return err
				}
				return grid(w, []string{"REQUEST", "VERB", "OF", "NAMESPACE", "BY", "SINCE", "YES OF", "UNTIL"}, rows)
			}})
		}),
	}
}

func newAccessApprove(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "approve REQUEST",
		Short: "Say yes to what somebody else wants to do",
		Long: `Say yes to one request, as backstitch access requests lists it. Whoever made it can do exactly that within the hour, with the same command again. It
has to be somebody else's: neither whoever asks nor a token that he has made.

Exit status: 0 yes is said, 2 usage, 10 nobody asks for that, 12 it is your own, or you are no approver there.`,
		Example: "  backstitch access approve w-9f86d081884c7d65 --reason INC-4211",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			r, err := c.ApproveRequest(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			return a.print(answer{value: r, names: []string{r.ID}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s may %s of %s until %s.\n", r.AskedBy, r.Verb, r.Object, stamp(r.Until))
				return err
			}})
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func newCanI(a *app) *cobra.Command {
	namespace, as := "", ""
	cmd := &cobra.Command{
		Use:   "can-i VERB",
		Short: "Tell whether you may do something, and why not",
		Long: `Tell whether you may do something, by the table of verbs in docs/access.md. Without --namespace it is about all of them. About another subject only
an admin is told.

Exit status: 0 yes, 2 usage, 10 there is no such verb, 12 no.`,
		Example: "  backstitch can-i void-job --namespace payments\n  backstitch can-i submit-job --namespace payments --as mfrggzdfmztwq2lk",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			v, err := c.CanI(cmd.Context(), args[0], namespace, as)
			if err != nil {
				return err
			}
			word := "yes"
			if !v.Allowed {
				word = "no"
			}
			err = a.print(answer{value: v, names: []string{word}, text: func(w io.Writer) error {
				fmt.Fprintf(w, "%s   %s\n", word, v.Why)
				if v.Allowed && v.Two != "" {
					fmt.Fprintf(w, "      a second person has to say yes: %s\n", v.Two)
				}
				return nil
			}})
			if err == nil && !v.Allowed {
				return exitStatus(client.ExitNotAllowed)
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "of what it is about: a `namespace`")
	cmd.Flags().StringVar(&as, "as", "", "about a token's `accessor`, or a subject like cert:ann, instead of you")
	return cmd
}
