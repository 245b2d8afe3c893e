package recovery

import (
	"fmt"

	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Codes of notes and checks. They are stable.
const (
	NoteAppend      = "BST-P201" // records come late for those who read on
	NoteRetention   = "BST-P202" // the target would delete what is written
	NoteTimestamps  = "BST-P203" // the target refuses or replaces timestamps
	NoteLargest     = "BST-P204" // a record is larger than the target takes
	NoteCompacted   = "BST-P205" // old values would replace new ones
	NoteFields      = "BST-P206" // the reference does not hold all of a record
	NoteDuplicates  = "BST-P207" // there are records twice already
	NoteDamage      = "BST-P208" // a part of the reference can not be read
	NoteAll         = "BST-P209" // everything is written again, also what is there
	NoteSwapped     = "BST-P210" // the target has more than the reference
	NoteNotAllowed  = "BST-P211" // this principal may not write
	NotePartitions  = "BST-P212" // partitions without a counterpart
	NoteNotCompared = "BST-P213" // partitions that can not be compared
	NoteRefused     = "BST-P214" // a step or a rule refuses records

	NoteRepeated = "BST-P232" // the same event came before, so records are left out
	NoteUnkeyed  = "BST-P233" // records have no key that tells whether they came before

	NoteLate    = "BST-P243" // records are late, and will say so
	NoteUntimed = "BST-P245" // records have no event time, so nobody knows whether they are late
	NoteAhead   = "BST-P246" // event times are ahead of the clock, and everything behind them counts as late

	NoteReshape   = "BST-P230" // records get other partitions, and nobody else may write there
	NoteSplitKeys = "BST-P231" // keys are in more than one partition of the reference, or that is not known

	NoteNoSubject  = "BST-P220" // the target's registry has no schemas of the topic, so nothing says what its readers read
	NoteUnreadable = "BST-P221" // the target's latest schema can not read what is written
	NoteUndecided  = "BST-P222" // or that is not known
	NoteFiles      = "BST-P242" // many small files

	NoteSeveralNames = "BST-P237" // the target's registry has several names for one schema
	NoteGlue         = "BST-P240" // versions of AWS Glue's schemas are written as they are

	NoteOutput       = "BST-P247" // the target's latest schema can not read the output schema of steps over Avro
	NoteOutputUnsure = "BST-P248" // or that is not known

	NoteGlueOutput  = "BST-P257" // values come out under a version of AWS Glue's schemas, which nobody was asked about
	NoteGlueLacking = "BST-P258" // versions that records name are not in the spec

	NoteUnseenGroups = "BST-P256" // whether the groups are there that the job is to spare is not known
	NoteNobodySpared = "BST-P259" // much is written to brokers that others may use, at full speed

	NoteSuperseded = "BST-P250" // change events would be appended behind newer ones of their rows
	NoteSetBehind  = "BST-P251" // they are set aside
	NoteNoOrder    = "BST-P252" // or which are newer can not be told
)

// preflight looks at what would go wrong later. What the target says it will refuse ends the plan; what people must know
// becomes a note.
func (b *builder) preflight(p *Plan) error {
	c := &preflight{b: b, p: p}
	c.oldest, c.newest = b.span()
	c.write()
	if err := c.limits(); err != nil {
		return err
	}
	if err := c.files(); err != nil {
		return err
	}
	c.content()
	if err := c.repetitions(); err != nil {
		return err
	}
	c.superseded()
	if err := c.late(); err != nil {
		return err
	}
	c.reshape()
	c.schemas()
	c.glue()
	c.names()
	c.groups()
	c.spared()
	return nil
}

type preflight struct {
	b      *builder
	p      *Plan
	oldest int64 // timestamp of the oldest record to write, 0 when it is not known
	newest int64 // and of the newest
}

func (c *preflight) check(name, status, text string) {
	c.p.Checks = append(c.p.Checks, Check{Name: name, Status: status, Text: text})
}

func (c *preflight) note(code, text string) {
	c.p.Notes = append(c.p.Notes, Note{Code: code, Text: text})
}

// span is the earliest and the latest timestamp around what is to be written.
func (b *builder) span() (oldest, newest int64) {
	for _, f := range b.report.Findings {
		if !f.Recoverable || f.FirstMs == 0 {
			continue
		}
		if oldest == 0 || f.FirstMs < oldest {
			oldest = f.FirstMs
		}
		newest = max(newest, f.LastMs)
	}
	return oldest, newest
}

func (c *preflight) write() {
	l := &c.p.Target.Limits
	if c.p.Target.Kind != "kafka" || c.p.Empty() {
		return
	}
	c.note(NoteAppend, "Records are appended at the end of each partition, marked and in their own order. Readers that are past the "+
		"gap see them late; stream processors may drop what is beyond their grace period.")
	switch l.Write {
	case "yes":
		c.check("write access", "ok", "this principal may write to the topic")
	case "no":
		c.check("write access", "warn", "this principal may not write to the topic")
		c.note(NoteNotAllowed, "The principal of this command may not write to the topic. Agents may have another; if not, the job will fail.")
	default:
		c.check("write access", "unknown", "the brokers do not say")
	}
}

// limits compares the records with what the target takes.
func (c *preflight) limits() error {
	l := &c.p.Target.Limits
	if c.p.Target.Kind != "kafka" || c.p.Empty() {
		return nil
	}
	refuse := func(why, hint string) error {
		return &Error{Code: CodePreflight, Title: "the target would refuse what the plan writes", Why: why, Hint: hint, Exit: exitFailed}
	}
	topic := c.p.Target.Topic
	if compacted := (gap.Facts{CleanupPolicy: l.CleanupPolicy}); compacted.Compacted() {
		c.note(NoteCompacted, "The topic is compacted. What is appended counts as newer than what is there: old values of a key would replace new ones.")
		if c.b.spec.Spec.Select.Only == "all" {
			return refuse(fmt.Sprintf("Topic %s is compacted (cleanup.policy=%s); writing everything again would make old values of each key the newest.",
				topic, l.CleanupPolicy), "write into a new topic instead")
		}
	}
	if c.oldest == 0 {
		c.check("retention", "unknown", "the reference holds no timestamps")
	} else if err := c.age(refuse); err != nil {
		return err
	}
	if l.TimestampType == "LogAppendTime" && c.b.fields&record.FieldTimestamp != 0 {
		return refuse(fmt.Sprintf("Topic %s has message.timestamp.type=LogAppendTime: it would replace the records' timestamps, and the proof would fail.", topic),
			"kafka-configs --alter --entity-type topics --entity-name "+topic+" --add-config message.timestamp.type=CreateTime")
	}
	if largest := c.b.largest(); l.MaxMessageBytes > 0 {
		switch {
		case largest > l.MaxMessageBytes:
			c.check("record size", "warn", fmt.Sprintf("the largest has %s, the topic takes %s per batch", gap.Size(largest), gap.Size(l.MaxMessageBytes)))
			c.note(NoteLargest, fmt.Sprintf("The reference has a record of %s, the topic takes batches of %s. If it is among those to write it is set aside, "+
				"and the job fails unless write.maxQuarantine allows it.", gap.Size(largest), gap.Size(l.MaxMessageBytes)))
		default:
			c.check("record size", "ok", fmt.Sprintf("the largest has %s, the topic takes %s", gap.Size(largest), gap.Size(l.MaxMessageBytes)))
		}
	}
	return nil
}

// age compares the oldest record with what the target keeps and takes.
func (c *preflight) age(refuse func(why, hint string) error) error {
	l := &c.p.Target.Limits
	topic := c.p.Target.Topic
	now := c.b.opt.Now().UnixMilli()
	deletes := l.CleanupPolicy == "delete" || l.CleanupPolicy == "compact,delete" || l.CleanupPolicy == "delete,compact"
	switch {
	case l.RetentionMs > 0 && deletes && c.newest < now-l.RetentionMs:
		// Nothing of it would stay: a broker deletes by the times of records, whenever they were written.
		return refuse(fmt.Sprintf("The newest record to write is of %s, and topic %s keeps %s: it would delete all of them at its next check.",
			gap.Moment(c.newest), topic, days(l.RetentionMs)),
			"kafka-configs --alter --entity-type topics --entity-name "+topic+" --add-config retention.ms=-1, and set it back when readers have them")
	case l.RetentionMs > 0 && deletes && c.oldest < now-l.RetentionMs:
		c.check("retention", "warn", fmt.Sprintf("the oldest record is of %s, the topic keeps %s", gap.Moment(c.oldest), days(l.RetentionMs)))
		c.note(NoteRetention, fmt.Sprintf("Some records are older than what topic %s keeps (%s). It will delete them again. Raise its retention.ms first.",
			topic, days(l.RetentionMs)))
	case l.RetentionMs > 0 && deletes:
		c.check("retention", "ok", "every record is younger than what the topic keeps ("+days(l.RetentionMs)+")")
	case l.CleanupPolicy == "":
		c.check("retention", "unknown", "the brokers do not say how long the topic keeps records")
	default:
		c.check("retention", "ok", "the topic keeps records for ever, by time")
	}
	if l.TimestampBeforeMs > 0 && c.oldest < now-l.TimestampBeforeMs {
		return refuse(fmt.Sprintf("The oldest record is of %s, and topic %s has message.timestamp.before.max.ms=%d: it refuses older ones.",
			gap.Moment(c.oldest), topic, l.TimestampBeforeMs),
			"kafka-configs --alter --entity-type topics --entity-name "+topic+" --add-config message.timestamp.before.max.ms=9223372036854775807")
	}
	c.check("timestamps", "ok", "the topic takes the records' timestamps as they are")
	return nil
}

// days prints a length of time in the largest unit that fits.
func days(ms int64) string {
	switch {
	case ms%86_400_000 == 0:
		return fmt.Sprintf("%d d", ms/86_400_000)
	case ms%3_600_000 == 0:
		return fmt.Sprintf("%d h", ms/3_600_000)
	}
	return fmt.Sprintf("%d s", ms/1000)
}

// content notes what the scan showed besides what is missing.
func (c *preflight) content() {
	if text := c.b.about.Evidence; text != "" {
		c.check("layout", "ok", text)
	}
	for _, n := range c.b.report.Facts.Notes {
		c.check("archive", "ok", n)
	}
	if fields := c.b.fields; fields != record.AllFields && !c.p.Empty() {
		missing := fieldsText(record.AllFields &^ fields)
		c.note(NoteFields, fmt.Sprintf("The reference holds %s only. Records are written without %s, and the proof does not look at them.", fieldsText(fields), missing))
	}
	var dups, extra int64
	damage, refused := 0, int64(0)
	var cannot []int32
	for _, r := range c.b.report.Results {
		dups += r.Duplicates
		extra += r.Extra + r.Newer
		if !r.Comparable {
			cannot = append(cannot, r.Partition)
		}
	}
	for _, f := range c.b.report.Findings {
		switch {
		case f.Kind != gap.Corrupt:
		case source.Refused(f.Code):
			refused++
		default:
			damage++
		}
	}
	if dups > 0 {
		c.note(NoteDuplicates, fmt.Sprintf("The target has %s records more often than the reference. They stay: a log can not be mended in the middle. "+
			"The proof counts them as from before the job.", gap.Count(dups)))
	}
	if damage > 0 {
		c.note(NoteDamage, fmt.Sprintf("%d places of the reference can not be read. What was there can not be recovered from it, and the proof does not cover it.", damage))
	}
	if refused > 0 {
		c.note(NoteRefused, fmt.Sprintf("A step or a rule refuses %s. They are not written, and the proof does not cover them; with the job "+
			"done, backstitch quarantine list names them.", gap.Plural(refused, "record")))
	}
	if len(cannot) > 0 {
		c.note(NoteNotCompared, fmt.Sprintf("Partitions %s can not be compared and are left alone; backstitch gaps explain says why.", list(cannot)))
	}
	if c.b.spec.Spec.Select.Only == "all" {
		c.note(NoteAll, "Everything in range is written again, also what the target has already. Readers see those records twice.")
	}
	if extra > c.p.Totals.Compared && c.p.Totals.Records == 0 {
		c.note(NoteSwapped, fmt.Sprintf("The target has %s records that the reference lacks, and lacks none itself. Are source and target swapped?", gap.Count(extra)))
	}
	var only []int32
	if c.b.spec.Spec.Select.Partitions == "" && c.b.view == nil {
		for _, t := range c.p.Target.Partitions {
			if _, ok := c.b.extent[t.Partition]; !ok {
				only = append(only, t.Partition)
			}
		}
	}
	if len(only) > 0 {
		c.note(NotePartitions, fmt.Sprintf("The reference has nothing of partitions %s of the target; they were not looked at.", list(only)))
	}
}

func (b *builder) largest() int64 {
	var n int64
	for _, r := range b.report.Results {
		n = max(n, r.Largest)
	}
	return n
}
