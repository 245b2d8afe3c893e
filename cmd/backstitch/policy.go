package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newPolicy(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Say which token or certificate has which role where"}
	cmd.AddCommand(newPolicyPut(a), newPolicyList(a), newPolicyDelete(a))
	return cmd
}

func newPolicyPut(a *app) *cobra.Command {
	var p client.PutPolicy
	cmd := changes(&cobra.Command{
		Use:   "put NAME",
		Short: "Give a subject a role in a namespace, or change that",
		Long: `Give a token or a client's certificate a role in a namespace, or in all of them with --namespace '*'. A policy of the same name is replaced. What
roles may do: backstitch help token create.

Exit status: 0 it holds, 2 usage, 10 there is no such token, 11 access is not controlled yet, 12 refused.`,
		Example: "  backstitch policy put oncall --subject cert:ann --role approver --namespace payments\n  backstitch policy put metrics --subject cert:prometheus --role viewer --namespace '*'",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			p.Name = args[0]
			for flag, value := range map[string]string{"--subject": p.Subject, "--role": p.Role, "--namespace": p.Namespace} {
				if value == "" {
					return misused(flag+" is not said", "backstitch policy put "+p.Name+" --subject cert:NAME --role ROLE --namespace NAMESPACE")
				}
			}
			made, err := c.PutPolicy(cmd.Context(), p)
			if err != nil {
				return err
			}
			return a.print(answer{value: made, names: []string{made.Name}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is %s in %s.\n", made.Subject, made.Role, spaceText(made.Namespace))
				return err
			}})
		}),
	})
	f := cmd.Flags()
	f.StringVar(&p.Subject, "subject", "", "token:ACCESSOR, or cert:NAME of a client's certificate: a `subject`")
	f.StringVar(&p.Role, "role", "", "a `role`: viewer, operator, approver or admin")
	f.StringVar(&p.Namespace, "namespace", "", "a `namespace`, or '*' for all")
	f.StringVar(&p.Reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func newPolicyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List who has which role where",
		Example: "  backstitch policy list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Policies(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, p := range all {
				names = append(names, p.Name)
				rows = append(rows, []string{p.Name, p.Subject, p.Role, p.Namespace, p.By, stamp(p.At), dash(p.Why)})
			}
			value := client.Policies{Policies: append([]client.Policy{}, all...)}
			return a.print(answer{value: value, rows: anys(all), names: names, text: func(w io.Writer) error {
				if len(rows) == 0 {
					_, err := fmt.Fprintln(w, "No policies: whoever reaches a node may do everything.  Next: backstitch access bootstrap")
					return err
				}
				return grid(w, []string{"POLICY", "SUBJECT", "ROLE", "NAMESPACE", "BY", "SINCE", "WHY"}, rows)
			}})
		}),
	}
}

func newPolicyDelete(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:   "delete NAME",
		Short: "Take a role away",
		Long: `Take the role of one policy away. That of the first token stays: backstitch token revoke ends the token itself.

Exit status: 0 it is gone, 2 usage, 10 there is no such policy, 11 it is that of the first token, 12 refused.`,
		Example: "  backstitch policy delete oncall",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			if err := c.DeletePolicy(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.print(answer{value: client.Done{}, names: []string{args[0]}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Policy %s is gone.\n", args[0])
				return err
			}})
		}),
	})
}
