package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cluster/member"
)

func newClusterKeyring(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keyring",
		Short: "List and change the keys that encrypt gossip",
		Long: `List and change the keys that encrypt gossip, on all nodes, while gossip goes on. To replace a key: install the new one, use it, remove the
old one. A node that is down meanwhile takes the keys over when it comes back. Keys go from node to node over TLS, and are shown by their
fingerprints only.`,
	}
	cmd.AddCommand(newKeyringList(a), newKeyringGenerate(a), newKeyringInstall(a), newKeyringUse(a), newKeyringRemove(a))
	return cmd
}

func newKeyringList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Say which node has which keys of gossip, and which one it encrypts with",
		Example: "  backstitch cluster keyring list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			ring, err := c.Keyring(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			for _, k := range ring.Keys {
				names = append(names, k.Fingerprint)
			}
			return a.print(answer{value: ring, rows: anys(ring.Keys), names: names, text: func(w io.Writer) error { return keyringText(w, ring) }})
		}),
	}
}

func keyringText(w io.Writer, ring client.Keyring) error {
	var rows [][]string
	for _, k := range ring.Keys {
		rows = append(rows, []string{k.Fingerprint, strings.Join(k.Nodes, " "), dash(strings.Join(k.Primary, " ")), dash(strings.Join(k.Missing, " "))})
	}
	if len(rows) > 0 {
		if err := grid(w, []string{"KEY", "ON", "ENCRYPTS ON", "NOT ON"}, rows); err != nil {
			return err
		}
	}
	for _, n := range ring.Nodes {
		line := ""
		switch {
		case !n.Answers:
			line = fmt.Sprintf("No answer from %s: %s", n.Name, n.Why)
		case !n.Encrypts:
			line = fmt.Sprintf("%s does not encrypt gossip: gossip.keyFile is not set there.", n.Name)
		default:
			continue
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func newKeyringGenerate(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:     "generate FILE",
		Short:   "Make a key of gossip in a new file",
		Long:    "Make a random key of 32 bytes in FILE, which only its owner may read. No node has it before it is installed.",
		Example: "  backstitch cluster keyring generate ./gossip-2.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := member.CreateKeyFile(args[0])
			if errors.Is(err, fs.ErrExist) {
				return &failure{Code: codeFile, Title: args[0] + " exists already and is not overwritten", Exit: client.ExitConflict, Err: err, Next: "backstitch cluster keyring generate ANOTHER-FILE"}
			}
			if err != nil {
				return &failure{Code: codeFile, Title: "a gossip key can not be made in " + args[0], Detail: err.Error(), Exit: client.ExitFailed, Err: err,
					Next: "backstitch cluster keyring generate FILE     in a directory that can be written"}
			}
			return a.print(answer{
				value: struct {
					File        string `json:"file"`
					Fingerprint string `json:"fingerprint"`
				}{args[0], key.Fingerprint()},
				names: []string{key.Fingerprint()},
				text: func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "Gossip key    %s   keep it secret\nFingerprint   %s\nNext: backstitch cluster keyring install %s\n", args[0], key.Fingerprint(), args[0])
					return err
				},
			})
		},
	})
}

func newKeyringInstall(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:   "install FROM",
		Short: "Give every node a key, which it then understands",
		Long: `Give every node the key in a file, in an environment variable for env:NAME, or on stdin for "-": 16, 24 or 32 random bytes in base64. Nodes
understand what is encrypted with it from then on, and go on encrypting with the key that they have. The exit status is 3 when a node did not
take it; the same command again goes on.`,
		Example: "  backstitch cluster keyring install ./gossip-2.key --reason \"yearly rotation\"\n  vault read -field=key secret/gossip | backstitch cluster keyring install -",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			key, err := a.gossipKey(args[0])
			if err != nil {
				return err
			}
			out, err := c.InstallGossipKey(cmd.Context(), client.InstallGossipKey{Key: key.Secret(), Reason: reason})
			if err != nil {
				return err
			}
			return a.printKeyringChange(out, "is on", "backstitch cluster keyring use "+out.Fingerprint)
		}),
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the audit trail")
	return cmd
}

// maxKeyFile bounds what is read as a key.
const maxKeyFile = 64 << 10

// gossipKey reads one key from a file, the environment or stdin.
func (a *app) gossipKey(from string) (member.Key, error) {
	const next = "backstitch cluster keyring generate FILE     then: backstitch cluster keyring install FILE"
	var keys []member.Key
	var err error
	name, isEnv := strings.CutPrefix(from, "env:")
	if _, isKey := member.ParseKey(from); isKey == nil {
		return nil, &failure{Code: codeUsage, Title: "a key is not given on the command line, where every process of this machine can read it", Exit: client.ExitUsage,
			Next: "put it into a file of mode 0600, or pipe it: backstitch cluster keyring install -     and take another key than this one"}
	}
	switch {
	case isEnv && a.getenv(name) == "":
		return nil, &failure{Code: codeUsage, Title: "environment variable " + name + " is not set", Exit: client.ExitUsage, Next: next}
	case isEnv:
		keys, err = member.ParseKeys(from, a.getenv(name))
	case from == "-":
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(a.stdin, maxKeyFile)); err == nil {
			keys, err = member.ParseKeys("stdin", string(text))
		}
	default:
		from = strings.TrimPrefix(from, "file:")
		keys, err = member.ReadKeys(from)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &failure{Code: codeFile, Title: "there is no file " + from, Exit: client.ExitNotFound, Err: err, Next: next}
	case err != nil:
		return nil, &failure{Code: codeFile, Title: "no key of gossip can be read", Detail: err.Error(), Exit: client.ExitUsage, Err: err, Next: next}
	case len(keys) != 1:
		return nil, &failure{Code: codeFile, Title: fmt.Sprintf("%s has %d keys, want one", from, len(keys)), Exit: client.ExitUsage, Next: next}
	}
	return keys[0], nil
}

func newKeyringUse(a *app) *cobra.Command {
	var turn client.TurnGossipKey
	cmd := changes(&cobra.Command{
		Use:   "use FINGERPRINT",
		Short: "Let every node encrypt with a key that all of them have",
		Long: `Let every node encrypt gossip with the key of this fingerprint, of which 8 digits are enough. It is refused while a node does not answer or does
not have the key, since that node would understand nothing any more; with --force it is done all the same, and the node takes the key over when
it comes back. The exit status is 3 when a node did not take it.`,
		Example: "  backstitch cluster keyring use 3b6a27bc --reason \"yearly rotation\"",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			turn.Fingerprint = strings.ToLower(args[0])
			out, err := c.UseGossipKey(cmd.Context(), turn)
			if err != nil {
				return err
			}
			return a.printKeyringChange(out, "encrypts on", "backstitch cluster keyring list     then: backstitch cluster keyring remove OLD-KEY")
		}),
	})
	keyringFlags(cmd, &turn)
	return cmd
}

func newKeyringRemove(a *app) *cobra.Command {
	var turn client.TurnGossipKey
	cmd := changes(&cobra.Command{
		Use:   "remove FINGERPRINT",
		Short: "Take a key from every node",
		Long: `Take the key of this fingerprint from every node. It is refused while any node encrypts with it, and while one does not answer: the silent one may.
With --force the latter is done all the same, and the node takes the keys over when it comes back. The exit status is 3 when a node did not
take it.`,
		Example: "  backstitch cluster keyring remove 9f86d081884c7d659a2feaa0c55ad015",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			turn.Fingerprint = strings.ToLower(args[0])
			out, err := c.RemoveGossipKey(cmd.Context(), turn)
			if err != nil {
				return err
			}
			return a.printKeyringChange(out, "is gone from", "put the present key into gossip.keyFile of every node: a node with an empty data directory begins with that")
		}),
	})
	keyringFlags(cmd, &turn)
	return cmd
}

func keyringFlags(cmd *cobra.Command, turn *client.TurnGossipKey) {
	cmd.Flags().StringVar(&turn.Reason, "reason", "", "`text` for the audit trail")
	cmd.Flags().BoolVar(&turn.Force, "force", false, "also while a node does not answer or does not have the key")
}

// printKeyringChange says which nodes took a change. Its status is that of something done in part when one did not.
func (a *app) printKeyringChange(out client.KeyringChanged, what, next string) error {
	err := a.print(answer{value: out, rows: anys(out.Nodes), names: []string{out.Fingerprint}, text: func(w io.Writer) error {
		var took []string
		for _, n := range out.Nodes {
			if n.Took {
				took = append(took, n.Name)
			}
		}
		already := ""
		if !out.Changed {
			already = " already"
		}
		if _, err := fmt.Fprintf(w, "Key %s %s %s%s.\n", out.Fingerprint, what, dash(strings.Join(took, ", ")), already); err != nil {
			return err
		}
		for _, n := range out.Nodes {
			if !n.Took {
				if _, err := fmt.Fprintf(w, "Not on %s: %s\n", n.Name, n.Why); err != nil {
					return err
				}
			}
		}
		if !out.Complete {
			next = "bring it back, it takes the keys over by itself; or give the same command again"
		}
		_, err := fmt.Fprintf(w, "Next: %s\n", next)
		return err
	}})
	if err == nil && !out.Complete {
		return exitStatus(client.ExitPartly)
	}
	return err
}
