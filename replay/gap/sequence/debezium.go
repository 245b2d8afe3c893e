package sequence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/refusal"
)

// Codes of refusals. They are stable.
const (
	CodeConnectors = "BST-E1220" // the topic has events of several connectors, and transactions of one
	CodeBoundaries = "BST-E1221" // a topic holds no boundaries of transactions
)

const exitUsage = 2

// Debezium says how to look at a topic of change events.
type Debezium struct {
	// Boundaries is the topic into which the connector writes where transactions begin and end; "" for none. Without it, what a transaction
	// has behind its last event that is there is not known.
	Boundaries string
	// MemoryBytes bounds what is kept; beyond it the scan ends with ErrTooMany.
	MemoryBytes int64
}

// ScanDebezium reads a topic of Debezium's change events and finds those that its transactions lack. Connectors number them only with
// provide.transaction.metadata.
func ScanDebezium(ctx context.Context, in Input, cfg Debezium) (*Report, error) {
	if cfg.MemoryBytes < 1 {
		return nil, fmt.Errorf("sequence: memory of %d bytes: want a positive number", cfg.MemoryBytes)
	}
	rep := &Report{
		Topic: in.Topic, Source: "transaction.id and table", Sequence: "transaction.data_collection_order", AtMs: in.NowMs,
		Debezium: true, Boundaries: cfg.Boundaries,
	}
	compacted, err := rep.compacted(ctx, &in)
	if err != nil {
		return nil, err
	}
	t := newTransactions(cfg)
	at, err := in.all(ctx, t.add)
	if err != nil {
		return nil, err
	}
	if cfg.Boundaries != "" && len(t.all) > 0 {
		if err := t.boundaries(ctx, in); err != nil {
			return nil, err
		}
	}
	rep.transactions(t, at, compacted)
	return rep, nil
}

// boundaries reads where transactions begin and end.
func (t *transactions) boundaries(ctx context.Context, in Input) error {
	if len(t.names) > 1 {
		return &refusal.Error{Code: CodeConnectors, Exit: exitUsage,
			Title: fmt.Sprintf("topic %s has events of several connectors: %s", in.Topic, strings.Join(slices.Sorted(maps.Keys(t.names)), ", ")),
			Why:   fmt.Sprintf("The boundaries in %s name no connector, and two connectors may give transactions the same id.", t.cfg.Boundaries),
			Hint:  "leave --transactions out: holes between and before events are found without it"}
	}
	name := slices.Collect(maps.Keys(t.names))[0]
	in.Topic = t.cfg.Boundaries
	begun := map[string]int64{}
	var read, not int64
	var why error
	_, err := in.all(ctx, func(part int32, r *record.Record) error {
		if r.Value == nil {
			return nil
		}
		b, err := t.reader.Boundary(t.kind, r.Value)
		if err != nil {
			if not == 0 {
				why = fmt.Errorf("partition %d, offset %d: %w", part, r.Offset, err)
			}
			not++
			return nil
		}
		read++
		was := len(begun)
		t.bound(b, name, r.TimestampMs, begun)
		t.used += int64(len(begun)-was) * int64(stateBytes/2)
		return t.grow(0, part, r.Offset)
	})
	if err != nil {
		return err
	}
	if read == 0 || not > 0 {
		return &refusal.Error{Code: CodeBoundaries, Exit: exitUsage, Err: why,
			Title: fmt.Sprintf("topic %s does not say where transactions begin and end", in.Topic),
			Why:   boundariesText(read, not, why),
			Hint:  "name the topic that the connector's topic.transaction says, TOPIC-PREFIX.transaction by default, or leave --transactions out"}
	}
	return nil
}

func boundariesText(read, not int64, why error) string {
	if not == 0 {
		return "Nothing in range is there."
	}
	return fmt.Sprintf("Of %s, %s no boundary; the first: %v.", plural(read+not, "record", "records"), isAre(not, gap.Count(not)), why)
}

// transactions turns what was seen into findings.
func (r *Report) transactions(t *transactions, at edges, compacted bool) {
	r.Records, r.Sources = t.records, len(t.all)
	var young, old int64
	keys := slices.SortedFunc(maps.Keys(t.all), func(a, b transactionKey) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.table, b.table), strings.Compare(a.id, b.id))
	})
	for _, k := range keys {
		x, before := t.all[k], len(r.Findings)
		about := fmt.Sprintf("transaction %s of %s", k.id, k.table)
		if len(t.names) > 1 {
			about += " by " + k.name
		}
		kept, tooYoung, tooOld := x.holes(at)
		young, old = young+tooYoung, old+tooOld
		r.missing(about, x.whyHoles(), kept, compacted)
		r.twice(about, x.again, []run{x.run})
		if len(r.Findings) == before {
			r.Whole++
		}
	}
	if t.other > 0 {
		r.Findings = append(r.Findings, gap.Finding{
			Kind: gap.NotComparable, Topic: r.Topic, Partition: t.first.part, Range: partition.Range{From: t.first.offset, To: t.first.offset + 1}, Count: t.other,
			Cause:  "they are of another form",
			Reason: fmt.Sprintf("%s no change event that can be read: %s; the first is at the range", isAre(t.other, plural(t.other, "record", "records")), shorten(t.why)),
		})
	}
	r.edges(old, young)
	if t.outside > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("%s of no transaction: rows of snapshots, or the connector writes no metadata of transactions (provide.transaction.metadata)", plural(t.outside, "event", "events")))
	}
	if t.tombstones > 0 {
		r.NotChecked = append(r.NotChecked, plural(t.tombstones, "tombstone", "tombstones")+", which have no number")
	}
	switch {
	case r.Boundaries == "":
		r.NotChecked = append(r.NotChecked, "what a transaction wrote after its last event that is there, and transactions of which nothing is there (--transactions)")
	default:
		r.NotChecked = append(r.NotChecked, "transactions whose end is not in "+r.Boundaries+", behind their last event that is there")
	}
	r.Set = gap.Identify("debezium "+r.Topic, r.Findings)
}

// shorten is a reason in one line.
func shorten(err error) string {
	var deep interface{ Unwrap() []error }
	if errors.As(err, &deep) && len(deep.Unwrap()) > 0 {
		return deep.Unwrap()[0].Error()
	}
	return err.Error()
}
