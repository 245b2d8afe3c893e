package engine

import (
	"fmt"
	"slices"
	"sort"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// Poison records: those that the source can not read and those that the target will not take. They are listed and counted,
// and the rest goes on. The count is in positions of the slice, because nobody knows how many records are in what can not be
// read; it errs on the high side.

// damage lists what the source could not read.
func (e *Engine) damage(d *source.DamagedError) error {
	from, to := max(d.Offset, e.next.Cursor), d.Next
	if d.Offset < 0 {
		from = e.next.Cursor
	}
	if to < 0 {
		to = e.task.Slice.Ranges.Span().To
	}
	e.ends.Log.Warn("record quarantined", "object", d.Object, "offset", from, "until", to, "code", d.Code, "err", d.Err)
	e.list(sink.Poison{Range: partition.Range{From: from, To: to}, Code: d.Code, Rule: d.Rule})
	e.next.Cursor = max(e.next.Cursor, to)
	if e.next.Quarantined > e.cfg.MaxQuarantine {
		return fmt.Errorf("%d of at most %d, the last in %w: %w", e.next.Quarantined, e.cfg.MaxQuarantine, d, ErrQuarantine)
	}
	return nil
}

// list adds the part of p that the slice wants to the quarantine.
func (e *Engine) list(p sink.Poison) {
	for _, want := range e.task.Slice.Ranges {
		part := partition.Range{From: max(p.Range.From, want.From), To: min(p.Range.To, want.To)}
		if part.Empty() {
			continue
		}
		e.next.Quarantined += part.Len()
		if n := len(e.next.Poison); n > 0 {
			if last := &e.next.Poison[n-1]; last.Code == p.Code && last.Rule == p.Rule && last.Range.To == part.From {
				last.Range.To = part.To
				continue
			}
		}
		e.next.Poison = append(e.next.Poison, sink.Poison{Range: part, Code: p.Code, Rule: p.Rule})
	}
}

// reject remembers a record that the target refused, false when it was remembered before.
func (e *Engine) reject(r *sink.RejectedError) bool {
	at := partition.Range{From: r.Offset, To: r.Offset + 1}
	i := sort.Search(len(e.rejected), func(i int) bool { return e.rejected[i].Range.From >= r.Offset })
	if i < len(e.rejected) && e.rejected[i].Range == at {
		return false
	}
	e.rejected = slices.Insert(e.rejected, i, sink.Poison{Range: at, Code: r.Code})
	return true
}

// leaveOut takes rejected records out of batch and lists them.
func (e *Engine) leaveOut(batch *record.Batch) {
	keep := batch.Records[:0]
	for i := range batch.Records {
		r := &batch.Records[i]
		j := sort.Search(len(e.rejected), func(j int) bool { return e.rejected[j].Range.From >= r.Offset })
		if j < len(e.rejected) && e.rejected[j].Range.From == r.Offset {
			e.list(e.rejected[j])
			batch.Bytes -= r.Size()
			continue
		}
		keep = append(keep, *r)
	}
	batch.Records = keep
}

func lastPoison(ps []sink.Poison) partition.Offset {
	if len(ps) == 0 {
		return -1
	}
	return ps[len(ps)-1].Range.To - 1
}

// reasons are what people read beside a code, also after the owner that met the record is gone.
var reasons = map[string]string{
	source.CodeTruncated:    "the object ends in the middle of data",
	source.CodeCorrupt:      "a checksum or compressed stream does not fit",
	source.CodeBrokenLine:   "the line is not what its format says",
	source.CodeTooLarge:     "above the ceiling for one record or object",
	source.CodeBadCompanion: "the keys or headers file does not pair with its value file",
	source.CodeSuperseded:   "the target has a newer event of its row",
	source.CodeNotJSON:      "the value is no JSON, which the transform or a rule needs",
	source.CodeNotUTF8:      "the value is not UTF-8, which the transform or a rule needs",
	source.CodeNotObject:    "the value, or a part of it that a step looks into, is no object",
	source.CodeAmbiguous:    "two members have the name that a step looks for",
	source.CodeAbsent:       "a member that a step requires is not there",
	source.CodeNoCast:       "a value has no exact form of the type to cast to",
	source.CodeNameTaken:    "there is a member of the new name already",
	source.CodeNoSplit:      "a text has not as many parts as a step names",
	source.CodeFalse:        "the expression is false",
	source.CodeNoAnswer:     "the expression has no answer: a member is not there, or types do not go together",
	source.CodeCost:         "the expression costs too much",
	source.CodeRange:        "a number is beyond its bounds, or is none",
	source.CodeRequired:     "a member is null or not there",
	source.CodeType:         "a value is of another type",
	source.CodeSchema:       "the value does not fit the schema",
	source.CodeExpression:   "the expression of a step has no answer",
	source.CodeNotFramed:    "the value does not name its schema",
	source.CodeNoWriter:     "which schema its number stands for is not known",
	source.CodeNotDatum:     "its bytes are no datum of its schema",
	source.CodeNoPlace:      "the output schema has no field for one that it has",
	source.CodeNoPreset:     "it lacks a field that the output schema has no default for",
	source.CodeNoForm:       "a part of it can not be said in the output schema's type",
	source.CodeTooGrown:     "it becomes larger than a value may be",
	source.CodeNoVersion:    "the spec gives no version of AWS Glue's schemas with its UUID",
	source.CodeDeflated:     "in AWS Glue's frame, and not compressed as it says",
	source.CodeInflated:     "decompressed it is larger than a value may be",
	source.CodeNotFitting:   "what comes out does not fit the output schema",
	source.CodeNotWhole:     "the message has what its fields do not give back byte for byte",
	source.CodeNoMessage:    "the numbers in front of it name no message of its schema",
	source.CodeNoName:       "it names a schema that has no name at the target",
	source.CodeTwoNames:     "its headers name its schema twice, or in no way that counts",
	source.CodeForeign:      "the object is not what its name says",
	source.CodeGone:         "the object was listed and is gone",
	source.CodeAvroBlock:    "a block of the object is damaged",
	source.CodeNoNumber:     "which number of a schema stood in front of it is not known",
	source.CodeNotRendered:  "the datum or row has no form as a value",
	source.CodeAvroCodec:    "the object's blocks are compressed with something that is not read",
	source.CodeParquetCodec: "the object's pages are compressed or encoded with something that is not read",
	source.CodeParquetType:  "a column has a type that JSON has no form for",
	source.CodeParquetGroup: "a row group of the object is damaged",
	source.CodeAggregate:    "an aggregated record can not be taken apart",

	source.CodeModuleRefuses: "the module of a step refuses the value",
	source.CodeModuleStopped: "the module of a step failed",
	source.CodeModuleTime:    "the module of a step takes too long",
	source.CodeModuleMemory:  "the module of a step needs more memory",
	source.CodeModuleAnswer:  "what the module of a step gives is no value",
	sink.CodeTooLarge:        "larger than the target takes",
	sink.CodeBadTimestamp:    "outside the target's limits for timestamps",
	sink.CodeNotHeld:         "the format of the target's files has no form for it",
	sink.CodeNotFramed:       "the value is not what columns are made of",
	sink.CodeNoSchema:        "the value names a schema that the job does not know",
	sink.CodeNoColumns:       "the value does not come back from columns as the bytes that it is",
	sink.CodeBadRecord:       "refused by the target's own rules",
}

// Reason is what people read beside a code. The rule that was broken, "" for none, comes first: that is what its author knows.
func Reason(code, rule string) string {
	if rule == "" {
		return reasons[code]
	}
	return "rule " + rule + ": " + reasons[code]
}

func reason(p sink.Poison, rules []string) string {
	if p.Rule == 0 || p.Rule > len(rules) {
		return Reason(p.Code, "")
	}
	return Reason(p.Code, rules[p.Rule-1])
}

// listQuarantine spells poison out for the book, one entry per position, at most fsm.MaxQuarantineEntries.
func listQuarantine(slice partition.Slice, poison []sink.Poison, rules []string) []fsm.Quarantined {
	var out []fsm.Quarantined
	for _, p := range poison {
		for at := p.Range.From; at < p.Range.To; at++ {
			if len(out) == fsm.MaxQuarantineEntries {
				return out
			}
			out = append(out, fsm.Quarantined{Partition: slice.Partition, Offset: at, Object: source.ObjectAt(slice, at), Code: p.Code, Reason: reason(p, rules)})
		}
	}
	return out
}
