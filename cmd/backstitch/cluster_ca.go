package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

func newClusterCA(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:   "ca DIR",
		Short: "Make a private CA and a gossip key, for people who have none",
		Long: `Make a private certificate authority and a gossip key in DIR. Keep ca.key away from the nodes; they need ca.pem, gossip.key
and a certificate each (backstitch cluster cert).`,
		Example: "  backstitch cluster ca ./pki",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ca, err := access.CreateCA(args[0], time.Now())
			if err != nil {
				return certFailure("make a CA in "+args[0], err)
			}
			return a.print(answer{
				value: struct {
					Cluster string    `json:"cluster"`
					Cert    string    `json:"cert"`
					Key     string    `json:"key"`
					Gossip  string    `json:"gossipKey"`
					Expires time.Time `json:"expires"`
				}{ca.Cluster, ca.CertPath, ca.KeyPath, ca.Gossip, ca.Expires},
				names: []string{ca.CertPath},
				text: func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "CA           %s   until %s\nIts key      %s   keep it away from the nodes\nGossip key   %s\nNext: backstitch cluster cert %s NODE     once for each node\n",
						ca.CertPath, stamp(ca.Expires), ca.KeyPath, ca.Gossip, args[0])
					return err
				},
			})
		},
	})
}

func newClusterCert(a *app) *cobra.Command {
	person, sans := false, []string{}
	cmd := changes(&cobra.Command{
		Use:     "cert DIR NAME",
		Short:   "Sign a certificate for a node or a person with the private CA in DIR",
		Example: "  backstitch cluster cert ./pki node-a --san node-a.internal --san 10.0.0.5\n  backstitch cluster cert ./pki ana --client",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			kind := access.Node
			if person {
				kind = access.Client
			}
			cert, err := access.IssueCert(args[0], args[1], kind, sans, time.Now())
			if err != nil {
				return certFailure("sign a certificate for "+args[1], err)
			}
			return a.print(answer{
				value: struct {
					Subject string    `json:"subject"`
					Cert    string    `json:"cert"`
					Key     string    `json:"key"`
					Expires time.Time `json:"expires"`
				}{cert.Subject.String(), cert.CertPath, cert.KeyPath, cert.Expires},
				names: []string{cert.CertPath},
				text: func(w io.Writer) error {
					next := fmt.Sprintf("backstitch agent --name %s --tls-ca %s/%s --tls-cert %s --tls-key %s --gossip-key-file %s/%s ...", args[1],
						args[0], access.CAFile, cert.CertPath, cert.KeyPath, args[0], access.GossipFile)
					if person {
						next = fmt.Sprintf("backstitch cluster status --ca-cert %s/%s --client-cert %s --client-key %s", args[0], access.CAFile, cert.CertPath, cert.KeyPath)
					}
					_, err := fmt.Fprintf(w, "Certificate  %s   until %s\nIts key      %s\nFor          %s\nNext: %s\n", cert.CertPath,
						stamp(cert.Expires), cert.KeyPath, cert.Subject, next)
					return err
				},
			})
		},
	})
	cmd.Flags().BoolVar(&person, "client", false, "for a person or a script instead of a node")
	cmd.Flags().StringSliceVar(&sans, "san", nil, "further `host` name or IP under which a node is reached; may be given several times")
	return cmd
}

func certFailure(what string, err error) error {
	f := &failure{Code: codeFile, Title: "can not " + what, Detail: err.Error(), Exit: client.ExitFailed, Err: err,
		Next: "make the CA first: backstitch cluster ca DIR"}
	if errors.Is(err, access.ErrExists) {
		f.Next, f.Exit = "choose another directory or name, or move the old files away", client.ExitConflict
	}
	return f
}
