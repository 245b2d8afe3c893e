package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/offsetmap"
)

func newOffsets(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "offsets", Short: "Show which offset of one topic is which of another, by content"}
	cmd.AddCommand(newOffsetsMap(a), newOffsetsFind(a))
	return cmd
}

// mappedPartition is one partition of a map as data.
type mappedPartition struct {
	Partition  int32            `json:"partition"`
	Source     partition.Range  `json:"source"`
	Target     partition.Range  `json:"target"`
	Pairs      int64            `json:"pairs"`
	ByHeaders  int64            `json:"byHeaders,omitempty"`
	SourceOnly int64            `json:"sourceOnly"`
	TargetOnly int64            `json:"targetOnly"`
	Named      int64            `json:"named,omitempty"`
	BackTimes  int64            `json:"backTimes"`
	Runs       []offsetmap.Run  `json:"runs"`
	NotMapped  string           `json:"notMapped,omitempty"`
	OnlySource partition.Ranges `json:"sourceOnlyOffsets,omitempty"`
	OnlyTarget partition.Ranges `json:"targetOnlyOffsets,omitempty"`
}

func mapped(p *offsetmap.Partition) mappedPartition {
	return mappedPartition{
		Partition: p.Partition, Source: p.Source, Target: p.Target, Pairs: p.Runs.Pairs(), ByHeaders: p.Marked,
		SourceOnly: p.SourceOnly.Len(), TargetOnly: p.TargetOnly.Len(), Named: p.Named, BackTimes: p.Runs.Back(),
		Runs: slices.AppendSeq([]offsetmap.Run{}, p.Runs.All()), NotMapped: p.Broken, OnlySource: p.SourceOnly.Ranges(nil), OnlyTarget: p.TargetOnly.Ranges(nil),
	}
}

func newOffsetsMap(a *app) *cobra.Command {
	m := &mapping{}
	all := false
	cmd := &cobra.Command{
		Use:   "map --from TOPIC --to TOPIC",
		Short: "Print where the records of one topic lie in another",
		Long: `Print where the records of one topic, or of an archive of it, lie in another topic: as runs in which both are in step, and what has no
partner on either side. Records are the same because they are equal; equal ones pair the oldest with the oldest. Nothing is concluded
from timestamps or from neighbours.

For records that a job changed on their way (spec.transform), or wrote into another number of partitions, --by headers believes the
origin that the job wrote into each.

Both sides are read whole, and nothing is written anywhere.`,
		Example: `  backstitch offsets map --from orders --to orders-mirror --kafka localhost:9092
  backstitch offsets map --from orders --archive s3://acme-archive/orders --to orders --kafka localhost:9092 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.check(a, cmd); err != nil {
				return err
			}
			out, err := m.build(a, cmd, nil)
			if err != nil {
				return err
			}
			if across, err := m.across(a, cmd, out, offsetmap.Question{}); err != nil {
				return err
			} else if across != nil {
				return a.printAcross(m, across)
			}
			parts := make([]mappedPartition, len(out.Partitions))
			var pairs int64
			for i := range out.Partitions {
				parts[i] = mapped(&out.Partitions[i])
				pairs += parts[i].Pairs
			}
			err = a.print(answer{
				value: struct {
					From       string            `json:"from"`
					To         string            `json:"to"`
					By         offsetmap.By      `json:"by"`
					NotChecked []string          `json:"notChecked,omitempty"`
					Partitions []mappedPartition `json:"partitions"`
				}{m.from, m.to, out.By, out.NotChecked, parts},
				rows: anys(parts),
				text: func(w io.Writer) error {
					return out.WriteText(w, offsetmap.RenderOptions{From: m.sourceName(), To: m.targetName(), All: all})
				},
			})
			if err != nil {
				return err
			}
			return m.compared(pairs)
		},
	}
	m.topicFlags(cmd)
	m.archiveFlags(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "every run")
	return cmd
}

// sourceName and targetName are what people read.
func (m *mapping) sourceName() string {
	if m.about.url != "" {
		return "the archive"
	}
	return m.from
}

func (m *mapping) targetName() string {
	if m.about.url == "" && m.from == m.to {
		return m.to + " at " + m.toKafka
	}
	return m.to
}

// compared refuses a map without a pair: it says nothing about any offset.
func (m *mapping) compared(pairs int64) error {
	if pairs > 0 {
		return nil
	}
	return &failure{
		Code: codeNothingPaired, Title: fmt.Sprintf("%s and %s have no record in common", m.sourceName(), m.targetName()), Exit: client.ExitIndeterminate,
		Detail: "Partitions are compared with those of the same number, and a record with all of its parts.",
		Next:   "if the copy has other timestamps or headers: --ignore timestamps,headers     if a job changed the records: --by headers",
	}
}

// foundOffset is one offset of the source, looked up.
type foundOffset struct {
	Partition int32              `json:"partition"`
	Offset    int64              `json:"offset"`
	Exact     *int64             `json:"exact"` // of the same record; null when the target has no such record
	Replay    *offsetmap.Landing `json:"replay,omitempty"`
	Resume    *offsetmap.Landing `json:"resume,omitempty"`
	NotMapped string             `json:"notMapped,omitempty"`
}

func newOffsetsFind(a *app) *cobra.Command {
	m := &mapping{}
	back := false
	cmd := &cobra.Command{
		Use:   "find RECORD... --from TOPIC --to TOPIC",
		Short: "Look up offsets of one topic in another",
		Long: `Look up offsets of one topic in another: where the record at that offset is, and where a reader goes on that has seen everything
below it. There are two answers to the latter, which are one where both topics have the same records in the same order:

  replay   at the first record that it is not known to have seen: nothing is left out, and some may be seen again
  resume   behind the last record that it has seen, or at the first that it has not, if that comes before: what only the other topic has
           and lies before is passed over

--reverse looks up offsets of --to in --from. Nothing is written anywhere.`,
		Example: `  backstitch offsets find p00@4711 p03@90210 --from orders --to orders-mirror --kafka localhost:9092
  backstitch offsets find p00@4700 --reverse --from orders --to orders-mirror --kafka localhost:9092`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.check(a, cmd); err != nil {
				return err
			}
			asked, parts, err := parseSpots(args)
			if err != nil {
				return usage(cmd, err)
			}
			if back && m.by == string(offsetmap.ByHeaders) {
				parts = nil // they are those of --to, and it may have others
			}
			out, err := m.build(a, cmd, parts)
			if err != nil {
				return err
			}
			q := offsetmap.Question{Records: spots(asked)}
			if back {
				q = offsetmap.Question{Back: q.Records}
			}
			if across, err := m.across(a, cmd, out, q); err != nil {
				return err
			} else if across != nil {
				return a.printFoundAcross(m, across, asked, back)
			}
			for _, at := range asked {
				if _, ok := out.Of(at.part); !ok {
					return m.known(nil, []int32{at.part})
				}
			}
			if err := a.printFound(m, found(out, asked, back), back); err != nil {
				return err
			}
			var pairs int64
			for i := range out.Partitions {
				pairs += out.Partitions[i].Runs.Pairs()
			}
			return m.compared(pairs)
		},
	}
	m.topicFlags(cmd)
	m.archiveFlags(cmd)
	cmd.Flags().BoolVar(&back, "reverse", false, "look up offsets of --to in --from")
	return cmd
}

// parseSpots reads positions, and returns which partitions there are.
func parseSpots(args []string) (out []spot, parts []int32, err error) {
	for _, arg := range args {
		at, err := parseSpot(arg)
		if err != nil {
			return nil, nil, err
		}
		out, parts = append(out, at), append(parts, at.part)
	}
	slices.Sort(parts)
	return out, slices.Compact(parts), nil
}

func found(m *offsetmap.Map, asked []spot, back bool) []foundOffset {
	out := make([]foundOffset, len(asked))
	for i, at := range asked {
		f := foundOffset{Partition: at.part, Offset: at.offset}
		p, _ := m.Of(at.part) // known has seen to it
		lookup := p.Runs.Target
		if back {
			lookup = p.Runs.Source
		}
		if f.NotMapped = p.Broken; f.NotMapped == "" {
			if o, ok := lookup(at.offset); ok {
				f.Exact = &o
			}
			if !back {
				replay, resume := p.Land(at.offset, offsetmap.Replay), p.Land(at.offset, offsetmap.Resume)
				f.Replay, f.Resume = &replay, &resume
			}
		}
		out[i] = f
	}
	return out
}

func (a *app) printFound(m *mapping, list []foundOffset, back bool) error {
	return a.print(answer{value: list, rows: anys(list), text: func(w io.Writer) error {
		header := []string{"OFFSET", "EXACT", "REPLAY", "AGAIN", "RESUME", "AGAIN", "PASSED", "LACKING"}
		if back {
			header = header[:2]
		}
		rows := make([][]string, len(list))
		for i, f := range list {
			row := []string{fmt.Sprintf("p%02d@%d", f.Partition, f.Offset), "-"}
			if f.Exact != nil {
				row[1] = fmt.Sprint(*f.Exact)
			}
			switch {
			case f.NotMapped != "":
				row[1] = "not mapped: " + f.NotMapped
			case !back:
				row = append(row, fmt.Sprint(f.Replay.Offset), seenAgain(*f.Replay), fmt.Sprint(f.Resume.Offset), seenAgain(*f.Resume),
					count(f.Resume.Passed), count(f.Replay.Lacking))
			}
			rows[i] = row
		}
		of, in := m.sourceName(), m.targetName()
		if back {
			of, in = in, of
		}
		if _, err := fmt.Fprintf(w, "Offsets of %s in %s, by %s\n", of, in, m.by); err != nil {
			return err
		}
		if err := grid(w, header, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "Nothing was written.")
		return err
	}})
}

// seenAgain counts what is seen again, and what may be.
func seenAgain(l offsetmap.Landing) string {
	if l.Unknown == 0 {
		return count(l.Again)
	}
	return fmt.Sprintf("%s to %s", count(l.Again), count(l.Again+l.Unknown))
}
