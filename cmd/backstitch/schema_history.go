package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
)

// schemaHistory is what a subject has become over time.
type schemaHistory struct {
	Subject  string          `json:"subject"`
	Mode     compat.Mode     `json:"mode"`
	Versions []schemaVersion `json:"versions"`
}

// schemaVersion is one version and what it did to the one before it.
type schemaVersion struct {
	Version     int               `json:"version"`
	ID          int               `json:"id"`
	GUID        string            `json:"guid,omitempty"`
	Type        string            `json:"type"`
	Fingerprint string            `json:"fingerprint"` // of what it says, the same in every registry
	References  []schemaReference `json:"references,omitempty"`
	Changes     []compat.Change   `json:"changes,omitempty"`
	Backward    *compat.Answer    `json:"backward,omitempty"` // it reads what the one before it wrote
	Forward     *compat.Answer    `json:"forward,omitempty"`
	Unclear     string            `json:"unclear,omitempty"` // why it can not be understood
}

type schemaReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func newSchemaHistory(a *app) *cobra.Command {
	s := &schemas{app: a}
	dataset := ""
	cmd := &cobra.Command{
		Use:   "history {SUBJECT | --dataset [NAMESPACE/]NAME}",
		Short: "Show the versions of a subject, or which schemas a dataset's records named since when",
		Long: `List the versions of a registry's subject, oldest first: number, id, GUID where the registry has one, what it refers to, what it changed, and
whether it and the version before read each other. Registries do not tell when a version was registered. Versions that were deleted are not
listed. Nothing is written.

With --dataset list which schemas the records of a dataset of the cluster have named, in keys and values of reference and target: where and when
each was met first, by which scan, and by which last. Scans of the cluster keep it of datasets whose sides name registries, from cluster version
5 on. No registry is asked.`,
		Example: `  backstitch schema history orders-value --registry https://schemas:8081
  backstitch schema history :.payments:orders-value --registry schemas --connections agent.yaml -o json
  backstitch schema history --dataset orders`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (dataset == "") == (len(args) == 0) {
				return usage(cmd, errors.New("name a SUBJECT, or --dataset NAME"))
			}
			if dataset != "" {
				if s.registry != "" {
					return usage(cmd, errors.New("--registry is for a SUBJECT; a dataset's history is in the book"))
				}
				return a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
					return a.datasetSchemas(cmd.Context(), c, dataset)
				})(cmd, args)
			}
			if err := required(cmd, "registry"); err != nil {
				return err
			}
			if err := s.open(cmd.Context()); err != nil {
				return err
			}
			defer s.close()
			h, err := s.history(cmd, args[0])
			if err != nil {
				return err
			}
			var names []string
			for _, v := range h.Versions {
				names = append(names, fmt.Sprintf("%s@%d", h.Subject, v.Version))
			}
			return a.print(answer{value: h, rows: anys(h.Versions), names: names, text: h.text})
		},
	}
	s.registryFlags(cmd.Flags())
	cmd.Flags().StringVar(&dataset, "dataset", "", "`dataset` of the cluster whose history is shown")
	return cmd
}

func (s *schemas) history(cmd *cobra.Command, subject string) (*schemaHistory, error) {
	ctx := cmd.Context()
	numbers, err := s.reg.Versions(ctx, subject)
	if err != nil {
		return nil, s.problem(err)
	}
	out := &schemaHistory{Subject: subject, Versions: []schemaVersion{}}
	if out.Mode, err = s.reg.Mode(ctx, subject); err != nil {
		return nil, s.problem(err)
	}
	var before *named
	for _, n := range numbers {
		v, err := s.reg.Version(ctx, subject, n)
		if err != nil {
			return nil, s.problem(err)
		}
		line := describe(v)
		now, err := s.known(v)
		if err != nil {
			line.Unclear = explain(err).Detail
		}
		if now != nil && before != nil {
			d := schemaDiffer(before, now)
			line.Changes, line.Backward, line.Forward = d.Changes, &d.Backward, &d.Forward
		}
		before = now
		out.Versions = append(out.Versions, line)
	}
	return out, nil
}

func describe(v schema.Version) schemaVersion {
	out := schemaVersion{Version: v.Version, ID: v.ID, GUID: v.GUID, Type: v.Text.Type.String(), Fingerprint: hex.EncodeToString(v.Print.Sum[:])}
	for _, r := range v.Refers {
		out.References = append(out.References, schemaReference{r.Name, r.Subject, r.Version})
	}
	return out
}

func (h *schemaHistory) text(w io.Writer) error {
	fmt.Fprintf(w, "Subject %s   %d versions   mode %s\n", h.Subject, len(h.Versions), h.Mode)
	for i, v := range h.Versions {
		line := fmt.Sprintf("v%d  id %d", v.Version, v.ID)
		if v.GUID != "" {
			line += "  guid " + v.GUID
		}
		line += "  " + v.Type + "  fingerprint " + short(v.Fingerprint)
		if v.Backward != nil {
			line += fmt.Sprintf("   backward %s, forward %s", v.Backward.Verdict, v.Forward.Verdict)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
		for _, r := range v.References {
			fmt.Fprintf(w, "    refers to %s  %s@%d\n", r.Name, r.Subject, r.Version)
		}
		switch {
		case v.Unclear != "":
			fmt.Fprintf(w, "    can not be understood: %s\n", strings.ReplaceAll(v.Unclear, "\n", "; "))
		case v.Backward == nil && i > 0:
			fmt.Fprintln(w, "    the version before it can not be understood, so what it changed is not known")
		case v.Backward == nil:
			fmt.Fprintln(w, "    the first one")
		case len(v.Changes) == 0:
			fmt.Fprintln(w, "    says the same; documentation or the order of fields is another one")
		}
		changesText(w, "    ", v.Changes)
		if v.Backward != nil {
			for _, p := range v.Backward.Problems {
				fmt.Fprintf(w, "    ! backward  %s  %s\n", dash(p.Path), p.Text)
			}
			for _, p := range v.Forward.Problems {
				fmt.Fprintf(w, "    ! forward   %s  %s\n", dash(p.Path), p.Text)
			}
		}
	}
	return nil
}
