package main

import (
	"fmt"
	"io"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
)

// What offsets map and find say of a topic that a job has written into another number of partitions.

// acrossMap is such a map as data.
type acrossMap struct {
	From   string            `json:"from"`
	To     string            `json:"to"`
	By     offsetmap.By      `json:"by"`
	Routes []offsetmap.Route `json:"routes"`
	// Lacking is by partition of --from, Only by partition of --to.
	Lacking []acrossSide `json:"lacking"`
	Only    []acrossSide `json:"only"`
}

// acrossSide is how many records of one partition have no partner.
type acrossSide struct {
	Partition int32           `json:"partition"`
	Range     partition.Range `json:"range"`
	Records   int64           `json:"records"`
	NotRead   string          `json:"notRead,omitempty"`
}

func (a *app) printAcross(m *mapping, out *offsetmap.Across) error {
	v := acrossMap{From: m.from, To: m.to, By: offsetmap.ByHeaders, Routes: out.Routes, Lacking: []acrossSide{}, Only: []acrossSide{}}
	for _, s := range out.Sources {
		v.Lacking = append(v.Lacking, acrossSide{s.Partition, s.Range, s.Lacking, s.Broken})
	}
	for _, t := range out.Targets {
		v.Only = append(v.Only, acrossSide{Partition: t.Partition, Range: t.Range, Records: t.Only})
	}
	return a.print(answer{value: v, rows: anys(v.Routes), text: func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "Offsets of %s in %s, which a job has written into other partitions, by the headers of that job\n", m.sourceName(), m.targetName()); err != nil {
			return err
		}
		rows := make([][]string, len(v.Routes))
		for i, r := range v.Routes {
			order := "one order"
			if r.Back > 0 {
				order = "order differs, going back " + gap.Plural(r.Back, "time")
			}
			rows[i] = []string{fmt.Sprintf("p%02d", r.Source), fmt.Sprintf("p%02d", r.Target), count(r.Records), r.Origins.String(), order}
		}
		if err := grid(w, []string{"FROM", "TO", "RECORDS", "OFFSETS", "ORDER"}, rows); err != nil {
			return err
		}
		var lacking, only int64
		var b strings.Builder
		for _, s := range v.Lacking {
			if lacking += s.Records; s.NotRead != "" {
				fmt.Fprintf(&b, "p%02d of %s was not read: %s\n", s.Partition, m.sourceName(), s.NotRead)
			}
		}
		for _, s := range v.Only {
			only += s.Records
		}
		fmt.Fprintf(&b, "\n%s have a place; %s only in %s, %s only in %s.\nNothing was written.\n",
			gap.Plural(out.Named(), "record"), gap.Count(lacking), m.sourceName(), gap.Count(only), m.targetName())
		_, err := io.WriteString(w, b.String())
		return err
	}})
}

// acrossSpot is one offset, looked up.
type acrossSpot struct {
	offsetmap.Spot
	At []offsetmap.Spot `json:"at"` // several of a record that was written more than once
}

func (a *app) printFoundAcross(m *mapping, out *offsetmap.Across, asked []spot, back bool) error {
	list, places := make([]acrossSpot, len(asked)), out.Found
	of, in := m.sourceName(), m.targetName()
	if back {
		places, of, in = out.Origins, in, of
	}
	for i, at := range asked {
		s := offsetmap.Spot{Partition: at.part, Offset: at.offset}
		list[i] = acrossSpot{Spot: s, At: append([]offsetmap.Spot{}, places[s]...)}
	}
	return a.print(answer{value: list, rows: anys(list), text: func(w io.Writer) error {
		rows := make([][]string, len(list))
		for i, f := range list {
			at := make([]string, len(f.At))
			for j, s := range f.At {
				at[j] = fmt.Sprintf("p%02d@%d", s.Partition, s.Offset)
			}
			if len(at) == 0 {
				at = []string{"-"}
			}
			rows[i] = []string{fmt.Sprintf("p%02d@%d", f.Partition, f.Offset), strings.Join(at, " ")}
		}
		if _, err := fmt.Fprintf(w, "Offsets of %s in %s, by the headers of the job that wrote it into other partitions\n", of, in); err != nil {
			return err
		}
		if err := grid(w, []string{"OFFSET", "AT"}, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "Where a group goes on hangs on all of its partitions: backstitch groups plan. Nothing was written.")
		return err
	}})
}

// spots are positions as a map is asked for them.
func spots(asked []spot) []offsetmap.Spot {
	out := make([]offsetmap.Spot, len(asked))
	for i, at := range asked {
		out[i] = offsetmap.Spot{Partition: at.part, Offset: at.offset}
	}
	return out
}
