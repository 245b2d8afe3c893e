package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
)

func newAuditVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check that the audit trail is what was written, on every node or in a file",
		Long: `Read the audit trail of every node, compute the hash of each record from what it says and from the hash before it, and compare the nodes with each
other: all of them have one chain, or it is said where they part. With a file that audit export wrote the file is checked, and no node is asked.

A chain that is whole shows that nobody has changed, left out or put in a record without changing all behind it. Who could do that on all nodes, or in
the file, is caught by a last hash that was kept elsewhere.

Exit status: 0 whole and the same everywhere, 4 a record is not what was written or nodes differ, 5 a node could not be asked, or there is nothing to check.`,
		Example: "  backstitch audit verify\n  backstitch audit verify audit-2026-11.jsonl",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.verifyAuditFile(args[0])
			}
			return a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error { return a.verifyAudit(cmd.Context(), c) })(cmd, nil)
		},
	}
}

func (a *app) verifyAuditFile(path string) error {
	head, records, err := readAuditFile(path)
	if err != nil {
		return err
	}
	if records == 0 {
		return &failure{Code: codeNoTrail, Title: path + " has no record", Exit: client.ExitIndeterminate, Next: "backstitch audit export --out FILE"}
	}
	return a.print(answer{value: map[string]any{"file": path, "records": records, "trail": head.Trail}, text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s of cluster %s, %d to %d: one chain.\nThe last hash is %s\n", gap.Plural(int64(records), "record"), head.Trail.Cluster, head.Trail.Oldest, head.Trail.Next-1, head.Trail.Hash)
		return err
	}})
}

// nodeTrail is what was found on one node.
type nodeTrail struct {
	Node   string `json:"node"`
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Hash   string `json:"hash,omitempty"`
	Broken string `json:"broken,omitempty"` // what is not as it was written
	Silent string `json:"silent,omitempty"` // why it could not be asked

	hashes [][32]byte // of From and on
}

// verifyAudit asks each node for itself.
func (a *app) verifyAudit(ctx context.Context, c *client.Client) error {
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	var trails []*nodeTrail
	for _, m := range members {
		t := &nodeTrail{Node: m.Name}
		trails = append(trails, t)
		if err := a.walkNode(ctx, m, t); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.Silent = err.Error()
		}
	}
	parted, upto := compareTrails(trails)
	err = a.print(answer{value: map[string]any{"nodes": trails, "sameUpTo": upto, "parted": parted}, rows: anys(trails), text: func(w io.Writer) error {
		rows := make([][]string, len(trails))
		for i, t := range trails {
			state := "whole"
			switch {
			case t.Silent != "":
				state = "not asked: " + t.Silent
			case t.Broken != "":
				state = "broken: " + t.Broken
			}
			rows[i] = []string{t.Node, count(int64(len(t.hashes))), fmt.Sprint(t.From), fmt.Sprint(t.To), dash(fmt.Sprintf("%.16s", t.Hash)), state}
		}
		if err := grid(w, []string{"NODE", "RECORDS", "FROM", "TO", "LAST HASH", "CHAIN"}, rows); err != nil {
			return err
		}
		if parted == "" && upto > 0 {
			_, err := fmt.Fprintf(w, "One chain on all of them, up to record %s.\n", count(int64(upto)))
			return err
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return verdict(trails, parted, upto)
}

// walkNode reads the trail of one node. An error says why it could not be asked.
func (a *app) walkNode(ctx context.Context, m client.Member, t *nodeTrail) error {
	if m.APIAddr == "" {
		return errors.New("the cluster does not know the address of its API")
	}
	alone := *a
	alone.addr = []string{m.APIAddr}
	c, err := alone.client()
	if err != nil {
		return err
	}
	defer c.Close()
	var at chain
	return walkAudit(ctx, c, func(trail client.AuditTrail, page []client.AuditRecord) (err error) {
		if trail.Node != m.Name {
			return fmt.Errorf("%s answers there", trail.Node)
		}
		if t.hashes == nil {
			if at, err = begin(trail); err != nil {
				return err
			}
			t.From = trail.Oldest
		}
		for _, r := range page {
			if t.Broken != "" {
				return nil
			}
			if err := at.add(r); err != nil {
				t.Broken = err.Error()
				return nil
			}
			t.hashes, t.To, t.Hash = append(t.hashes, at.hash), r.Number, r.Hash
		}
		return nil
	})
}

// compareTrails says where nodes part, "" when all have one chain, and up to which record all that were asked have it.
func compareTrails(trails []*nodeTrail) (parted string, upto uint64) {
	var asked []*nodeTrail
	from := uint64(1)
	for _, t := range trails {
		if t.Silent != "" || len(t.hashes) == 0 {
			continue
		}
		if asked = append(asked, t); upto == 0 || t.To < upto {
			upto = t.To
		}
		from = max(from, t.From)
	}
	for n := from; n <= upto; n++ {
		for _, t := range asked[1:] {
			if first := asked[0]; t.hashes[n-t.From] != first.hashes[n-first.From] {
				return fmt.Sprintf("record %d is another on %s than on %s", n, t.Node, first.Node), n - 1
			}
		}
	}
	if upto < from {
		return "", 0 // they have no record in common
	}
	return "", upto
}

func verdict(trails []*nodeTrail, parted string, upto uint64) error {
	silent := 0
	for _, t := range trails {
		if t.Broken != "" {
			return brokenChain(t.Node, errors.New(t.Broken))
		}
		if t.Silent != "" {
			silent++
		}
	}
	switch {
	case parted != "":
		return &failure{Code: codeTrailsDiffer, Title: "the nodes do not have one audit trail", Detail: parted, Exit: client.ExitDiffer,
			Next: "backstitch doctor; export the trail of each node before anything is rebuilt: backstitch audit export --addr NODE:7420 --out FILE"}
	case upto == 0:
		return &failure{Code: codeNoTrail, Title: "no record could be compared", Exit: client.ExitIndeterminate, Next: "backstitch audit list"}
	case silent > 0:
		return &failure{Code: codeNoTrail, Title: fmt.Sprintf("%s could not be asked", gap.Plural(int64(silent), "node")), Exit: client.ExitIndeterminate,
			Detail: "What the others have is one chain. Of these nothing is known.", Next: "backstitch cluster status; then again"}
	}
	return nil
}

// brokenChain is the error of a trail that is not what was written.
func brokenChain(where string, err error) error {
	return &failure{Code: codeTrailBroken, Title: "the audit trail of " + where + " is not what was written", Detail: err.Error(), Exit: client.ExitDiffer, Err: err,
		Next: "keep it as it is, and compare it with another node's: backstitch audit verify"}
}
