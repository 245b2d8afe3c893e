package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

func newClusterProofKey(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "proof-key", Short: "Make, list and change the key that signs reports"}
	cmd.AddCommand(newProofKeyCreate(a), newProofKeyList(a), newProofKeyUse(a))
	return cmd
}

func newProofKeyCreate(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:   "create FILE",
		Short: "Make a proof key in a new file",
		Long: `Make a key of ed25519 in FILE. Every node gets the file, as it gets the gossip key, and names it in its configuration
(proof.keyFile). The first key that a leader holds is put into the cluster's book by itself; only the public half goes there.`,
		Example: "  backstitch cluster proof-key create ./pki/proof.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := access.CreateProofKey(args[0])
			if err != nil {
				return certFailure("make a proof key in "+args[0], err)
			}
			public := fmt.Sprintf("%x", key.Public())
			return a.print(answer{
				value: struct {
					File string `json:"file"`
					Key  string `json:"key"`
				}{args[0], public},
				names: []string{public},
				text: func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "Proof key   %s   keep it as secret as the gossip key\nPublic      %s   give this to whoever checks reports\nNext: backstitch agent --proof-key-file %s ...     on every node\n",
						args[0], public, args[0])
					return err
				},
			})
		},
	})
}

func newProofKeyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List every key that ever signed for the cluster, and when",
		Example: "  backstitch cluster proof-key list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			keys, err := c.ProofKeys(cmd.Context())
			if err != nil {
				return err
			}
			return a.printProofKeys(keys)
		}),
	}
}

func newProofKeyUse(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "use KEY",
		Short: "Let another key sign from now on",
		Long: `Let KEY, the public half of a proof key, speak for the cluster from now on. Give the nodes the new file first and start them again: a
node that does not hold the key in force signs no report, and says so. Reports that the old key signed stay good; the book keeps it with
the time that it was in force.`,
		Example: "  backstitch cluster proof-key use 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 --reason rotation",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			keys, err := c.ProofKeys(cmd.Context())
			if err != nil {
				return err
			}
			use := client.UseProofKey{Key: args[0], Reason: reason}
			if len(keys) > 0 {
				use.Replaces = keys[len(keys)-1].Key
			}
			if keys, err = c.UseProofKey(cmd.Context(), use); err != nil {
				return err
			}
			return a.printProofKeys(keys)
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the audit trail")
	return cmd
}

func (a *app) printProofKeys(keys []client.ProofKey) error {
	var names []string
	for _, k := range keys {
		names = append(names, k.Key)
	}
	return a.print(answer{value: client.ProofKeys{Keys: append([]client.ProofKey{}, keys...)}, rows: anys(keys), names: names, text: func(w io.Writer) error {
		if len(keys) == 0 {
			_, err := fmt.Fprintln(w, "The cluster has no proof key: its reports are not signed.\nNext: backstitch cluster proof-key create FILE")
			return err
		}
		var rows [][]string
		for _, k := range keys {
			until := "in force"
			if k.Until != nil {
				until = stamp(*k.Until)
			}
			rows = append(rows, []string{k.Key, stamp(k.Since), until, k.By})
		}
		return grid(w, []string{"KEY", "SINCE", "UNTIL", "BY"}, rows)
	}})
}
