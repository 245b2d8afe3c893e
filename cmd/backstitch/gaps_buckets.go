package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/gap/objects"
)

// bucketPair is what the command line says about two buckets.
type bucketPair struct {
	where        places
	s3, targetS3 string
	detailed     bool
	cfg          objects.Config
}

func newBucketPair() *bucketPair { return &bucketPair{cfg: objects.DefaultConfig()} }

func newGapsBuckets(a *app) *cobra.Command {
	p := newBucketPair()
	cmd := &cobra.Command{
		Use:   "buckets REFERENCE TARGET",
		Short: "Compare two buckets object by object, and show what the copy lacks",
		Long: `Compare two buckets, or prefixes of them, object by object: what the target lacks, has beyond the reference, or holds with
other content. Both are URLs like s3://BUCKET/PREFIX, or directories. Nothing is written anywhere.

Contents are compared by a checksum that both stores keep, else by the MD5 that the ETag of a small object is. An object without
either is not comparable, unless --deep reads it on both sides. --versions also looks at delete markers, and for older versions
that still have a lost content. --listing asks for no object and compares sizes alone.

With -o jsonl there is one line per object with a difference, while they are found, and the summary as the last line.`,
		Example: `  backstitch gaps buckets s3://acme-archive/orders s3://acme-archive-replica/orders
  backstitch gaps buckets s3://a/orders s3://b/orders --s3 main --target-s3 replica --connections agent.yaml --versions
  backstitch gaps buckets s3://a s3://b --deep --detailed-exitcode -o jsonl`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(a, cmd, args) },
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&p.detailed, "detailed-exitcode", false, "exit with 8 when something differs, and with 5 when nothing does and something can not be compared")
	return cmd
}

// flags are what it takes to look.
func (p *bucketPair) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	p.where.flags(f)
	f.StringVar(&p.s3, "s3", "", "named connection or `endpoint` of the object stores; without it AWS, with the environment's credentials")
	f.StringVar(&p.targetS3, "target-s3", "", "named connection or `endpoint` of the target's store, where it is another one")
	f.BoolVar(&p.cfg.Deep, "deep", false, "read both objects where no checksum tells whether they are equal")
	f.BoolVar(&p.cfg.Versions, "versions", false, "look at delete markers and older versions too")
	f.BoolVar(&p.cfg.Listing, "listing", false, "compare listings alone: one request per thousand objects, and nothing is known of contents")
	f.IntVar(&p.cfg.Parallel, "parallel", p.cfg.Parallel, "`number` of objects that are asked for at a time")
}

func (p *bucketPair) look(a *app, cmd *cobra.Command, args []string) (*objects.Report, error) {
	if err := p.cfg.Validate(); err != nil {
		return nil, usage(cmd, err)
	}
	if err := p.where.load(a); err != nil {
		return nil, err
	}
	if !cmd.Flags().Changed("target-s3") {
		p.targetS3 = p.s3
	}
	left, err := p.where.s3(p.s3)
	if err != nil {
		return nil, err
	}
	right, err := p.where.s3(p.targetS3)
	if err != nil {
		return nil, err
	}
	reference, err := p.where.bucket(cmd.Context(), args[0], left, false)
	if err != nil {
		return nil, err
	}
	target, err := p.where.bucket(cmd.Context(), args[1], right, false)
	if err != nil {
		return nil, err
	}
	p.cfg.Progress = a.reading("compare")
	rep, err := objects.Compare(cmd.Context(), reference, target, p.cfg)
	if errors.Is(err, objects.ErrNoVersions) {
		return nil, usage(cmd, err)
	}
	return rep, err
}

func (p *bucketPair) run(a *app, cmd *cobra.Command, args []string) error {
	if a.output == "jsonl" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		p.cfg.Each = func(d objects.Difference) error {
			return enc.Encode(struct {
				Type string `json:"type"`
				objects.Difference
			}{"object", d})
		}
	}
	rep, err := p.look(a, cmd, args)
	if err != nil {
		return err
	}
	if err := p.print(a, rep); err != nil {
		return err
	}
	return p.status(rep)
}

func (p *bucketPair) print(a *app, rep *objects.Report) error {
	rep.NameRunbooks()
	var names []string
	for _, f := range rep.Findings {
		names = append(names, f.ID)
	}
	summary := struct {
		Type string `json:"type"`
		*objects.Report
	}{"summary", rep}
	return a.print(answer{value: rep, rows: []any{summary}, names: names, text: func(w io.Writer) error { return objects.WriteText(w, rep) }})
}

// status never takes a comparison of nothing for a pass, whatever was asked.
func (p *bucketPair) status(rep *objects.Report) error {
	if rep.Compared == 0 {
		f := &failure{
			Code: codeNoObjects, Title: "no object was compared", Exit: client.ExitIndeterminate,
			Detail: "The reference " + objects.Quoted(rep.Reference.URL) + " shows no object that could be compared.",
			Next:   "check the prefix, and that this principal may list and read both buckets",
		}
		if rep.Kinds[gap.NotComparable] > 0 {
			f.Next = "add --deep, which reads what has no checksum; the findings say why nothing else could be compared"
		}
		return f
	}
	if p.detailed {
		return detailedStatus(rep.Work() > 0, rep.Unknown())
	}
	return nil
}
