package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
)

// mapping is two logs of the same records, named by flags: FROM, a topic or an archive of one, and TO, a topic.
type mapping struct {
	about   subject // of which no spec, registry, inventory and range is taken
	from    string
	to      string
	toKafka string
	by      string
	ignore  []string
}

// topicFlags name two topics and how their records are told.
func (m *mapping) topicFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	m.about.where.flags(f)
	f.StringVar(&m.about.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
	f.StringVar(&m.toKafka, "to-kafka", "", "named connection or `host:port,...` of the brokers of --to; without it those of --kafka")
	f.StringVar(&m.from, "from", "", "`topic` whose offsets are known")
	f.StringVar(&m.to, "to", "", "`topic` in which their records are looked for")
	f.Var(&m.about.parts, "partitions", "`list` of partitions, like 0-7,12; without it all")
	f.StringVar(&m.by, "by", string(offsetmap.ByContent), "`what` tells that two records are one: content, or headers that a job wrote, for records that it changed")
	f.StringSliceVar(&m.ignore, "ignore", nil, "`parts` of records to leave out when contents are compared: keys, headers, timestamps")
}

// archiveFlags name an archive in place of the topic --from.
func (m *mapping) archiveFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.about.url, "archive", "", "`URL` of an archive of --from, to take its offsets from: s3://BUCKET/PREFIX or a directory")
	f.StringVar(&m.about.s3, "s3", "", "named connection or `endpoint` of the archive's object store; without it AWS, with the environment's credentials")
	f.StringVar(&m.about.layout, "layout", defaultLayout, "`layout` of the archive, as in gaps heatmap")
}

// target is the Kafka of --to.
func (m *mapping) target() string {
	if m.toKafka != "" {
		return m.toKafka
	}
	return m.about.kafka
}

// check refuses half a command line, and loads the connections.
func (m *mapping) check(a *app, cmd *cobra.Command) error {
	if err := required(cmd, "from", "to", "kafka"); err != nil {
		return err
	}
	if _, err := offsetmap.ParseBy(m.by); err != nil {
		return usage(cmd, fmt.Errorf("--by %w", err))
	}
	if _, err := m.ignored(); err != nil {
		return usage(cmd, err)
	}
	if m.about.url == "" && m.from == m.to && m.target() == m.about.kafka {
		return usage(cmd, errors.New("--from and --to are one topic"))
	}
	return m.about.where.load(a)
}

// ignored are the parts of --ignore.
func (m *mapping) ignored() (record.Fields, error) {
	var out record.Fields
	for _, name := range m.ignore {
		switch name {
		case "keys":
			out |= record.FieldKey
		case "headers":
			out |= record.FieldHeaders
		case "timestamps":
			out |= record.FieldTimestamp
		default:
			return 0, fmt.Errorf("--ignore %s: want keys, headers or timestamps", name)
		}
	}
	return out, nil
}

// kafkaSource is a topic as a reference.
func (p *places) kafkaSource(kafka, topic string) recovery.Source {
	s := recovery.Source{Layout: "kafka", Topic: topic}
	if _, named := p.named[kafka]; named {
		s.Connection = kafka
	} else {
		s.Brokers = kafka
	}
	return s
}

// kafkaTarget is a topic as a target.
func (p *places) kafkaTarget(kafka, topic string) recovery.Target {
	s := p.kafkaSource(kafka, topic)
	return recovery.Target{Kind: "kafka", Topic: topic, Connection: s.Connection, Brokers: s.Brokers}
}

// source says what the flags name.
func (m *mapping) source(a *app, cmd *cobra.Command) (recovery.Source, error) {
	if m.about.url == "" {
		_, err := m.about.where.kafka(m.about.kafka)
		return m.about.where.kafkaSource(m.about.kafka, m.from), err
	}
	r, err := m.about.load(a, cmd, []string{m.from})
	if err != nil {
		return recovery.Source{}, err
	}
	recipe, _, err := recovery.NewRecipe(r.WithDefaults())
	return recipe.Source, err
}

// build reads both sides. parts narrows --partitions further, nil does not.
func (m *mapping) build(a *app, cmd *cobra.Command, parts []int32) (*offsetmap.Map, error) {
	in, done, err := m.open(a, cmd, parts)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := offsetmap.Build(cmd.Context(), in, offsetmap.DefaultConfig())
	if errors.Is(err, offsetmap.ErrFragmented) {
		err = &failure{
			Code: codeFragmented, Title: offsetmap.ErrFragmented.Error(), Detail: err.Error(), Exit: client.ExitFailed, Err: err,
			Next: "a part of it at a time: --partitions 0-7",
		}
	}
	return out, err
}

// across asks a topic that a job has written into another number of partitions, nil when --to is none. built is what build has returned.
// Without --by headers it is told of as before: not mapped.
func (m *mapping) across(a *app, cmd *cobra.Command, built *offsetmap.Map, q offsetmap.Question) (*offsetmap.Across, error) {
	if built.By != offsetmap.ByHeaders {
		return nil, nil
	}
	all := *m
	all.about.parts = nil // a position hangs on all partitions
	in, done, err := all.open(a, cmd, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	if !built.Spread() {
		// Of what was one partition each of several has records of none or of its own number, so only their count tells.
		whole, ok := in.Target.(sink.Whole)
		if !ok {
			return nil, nil
		}
		bounds, err := whole.AllBounds(cmd.Context())
		if err != nil || len(bounds) == len(in.Extents) {
			return nil, err
		}
	}
	out, err := offsetmap.Cross(cmd.Context(), in, q, offsetmap.DefaultConfig())
	if err != nil || !built.Spread() && !out.Strays() {
		return nil, err
	}
	return out, nil
}

// open reaches both sides.
func (m *mapping) open(a *app, cmd *cobra.Command, parts []int32) (in offsetmap.Input, done func(), err error) {
	ctx := cmd.Context()
	src, err := m.source(a, cmd)
	if err != nil {
		return in, nil, err
	}
	if _, err := m.about.where.kafka(m.target()); err != nil {
		return in, nil, err
	}
	ref, err := m.about.where.clients().Reference(ctx, src)
	if err != nil {
		return in, nil, noArchive(err, src)
	}
	closing := []io.Closer{ref}
	shut := func() {
		for _, c := range slices.Backward(closing) {
			_ = c.Close() // both are only read
		}
	}
	defer func() {
		if err != nil {
			shut()
		}
	}()
	if parts == nil && len(m.about.parts) > 0 {
		parts = m.about.parts
	}
	extents, err := ref.Extents(ctx, parts, 0)
	if err != nil {
		return in, nil, noArchive(err, src)
	}
	if about := ref.About(); about.Unplaced {
		return in, nil, &failure{
			Code: codeNoOffsets, Title: fmt.Sprintf("the archive %s does not know the offsets of its records", m.about.url), Exit: client.ExitUsage,
			Detail: "Its positions are places in objects, and a map of those would be one of nothing.", Next: "map two topics: --from TOPIC --to TOPIC",
		}
	}
	if err := m.known(extents, parts); err != nil {
		return in, nil, err
	}
	// The target is opened after the source: what a mirror copies meanwhile is on both sides, and not only on one.
	tgt, err := m.about.where.clients().Target(ctx, m.about.where.kafkaTarget(m.target(), m.to))
	if err != nil {
		return in, nil, err
	}
	closing = append(closing, tgt)
	ignored, _ := m.ignored() // check has seen to it
	by, _ := offsetmap.ParseBy(m.by)
	return offsetmap.Input{SourceTopic: m.from, Source: ref, Extents: extents, Target: tgt, By: by, Ignore: ignored}, shut, nil
}

// known refuses partitions that the source does not have: a map without them would look complete.
func (m *mapping) known(extents map[int32]gap.Extent, parts []int32) error {
	i := slices.IndexFunc(parts, func(p int32) bool { _, ok := extents[p]; return !ok })
	if i < 0 && len(extents) > 0 {
		return nil
	}
	what := "has nothing"
	if i >= 0 {
		what = fmt.Sprintf("has no partition %d", parts[i])
	}
	return &failure{
		Code: recovery.CodePartition, Title: m.from + " " + what, Exit: client.ExitNotFound, Next: "check --from and --partitions",
	}
}
