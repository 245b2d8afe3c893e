package gap

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"backstitch/fsm/runbook"
	"backstitch/partition"
)

// Kind is what is wrong. It is the word that output uses.
type Kind string

// The kinds of findings.
const (
	Missing       Kind = "missing"        // a run of records that the target lacks
	Partly        Kind = "partly"         // scattered records that the target lacks
	Duplicate     Kind = "duplicate"      // records that the target has more often than the reference
	Corrupt       Kind = "corrupt"        // a part of the reference can not be read
	NotComparable Kind = "not comparable" // nothing can be said
	Extra         Kind = "extra"          // records that the target has and the reference has not
	AtRisk        Kind = "at risk"        // records that are there and will be gone before they were read
	Misplaced     Kind = "misplaced"      // an object of the reference that lies under the directory of another time
	Anomaly       Kind = "anomaly"        // an hour has fewer or more records than such hours have; nothing is known to be lost
	Schema        Kind = "schema"         // records name a schema that nobody expects; Range is the first of them
)

// Finding is one thing that a scan found in one partition.
type Finding struct {
	ID        string           `json:"id"` // "g-" hash "." number: the same data gives the same id
	Kind      Kind             `json:"kind"`
	Partition int32            `json:"partition"`
	Range     partition.Range  `json:"range"`            // of the reference; for duplicates and extra ones, of the target
	Ranges    partition.Ranges `json:"ranges,omitempty"` // exactly, where Range spans more than the finding
	// RangesLeft is how many more ranges there are than Ranges lists.
	RangesLeft int64  `json:"rangesLeft,omitempty"`
	Count      int64  `json:"count"` // records; -1 when it can not be known
	Bytes      int64  `json:"bytes"` // keys, values and headers; of runs and damage an estimate by their share of what lies around them
	FirstMs    int64  `json:"firstMs,omitempty"`
	LastMs     int64  `json:"lastMs,omitempty"` // newest timestamp; both zero when there are none
	Object     string `json:"object,omitempty"` // of the archive, for damage
	Whole      bool   `json:"whole,omitempty"`  // nothing of the object could be read
	Reason     string `json:"reason"`
	Code       string `json:"code,omitempty"` // of a record that a step or a rule has refused; Range is then its position
	Rule       int    `json:"rule,omitempty"` // number of that rule in the spec, from 1
	Evidence   string `json:"evidence"`       // "E2" when contents were compared, "" when nothing was
	// Recoverable says whether a plan would write it.
	Recoverable bool `json:"recoverable"`

	// Schema is what changed, of kind Schema.
	Schema *SchemaChange `json:"schema,omitempty"`

	// Topic and About are filled in by detectors that look at more than two copies of a topic.
	Topic string `json:"topic,omitempty"` // where findings of several topics stand in one list
	About string `json:"about,omitempty"` // whom it is about, e.g. "group billing"
	// What follows is looked for afterwards, and no part of what an id is made of.
	Cause string `json:"cause,omitempty"` // the probable one
	// HeldBy says where the records are still to be had, and until when that is sure, in Kafka milliseconds; 0 when nobody knows.
	HeldBy  string `json:"heldBy,omitempty"`
	UntilMs int64  `json:"heldUntilMs,omitempty"`
	// Runbook is the page about its kind, where the finding is shown to people; see NameRunbooks.
	Runbook string `json:"runbook,omitempty"`
}

// SchemaChange is a schema that records name now, and the newest that scans before have met there.
type SchemaChange struct {
	Place string    `json:"place"` // "values of the target"
	New   SchemaRef `json:"new"`
	Old   SchemaRef `json:"old"`
}

// SchemaRef is a schema as records and a registry call it.
type SchemaRef struct {
	Name    string `json:"name"`              // a number or a GUID
	Subject string `json:"subject,omitempty"` // "" when the subject of the topic does not list it
	Version int32  `json:"version,omitempty"`
}

// String is "schema 7 (orders-value@3)".
func (s SchemaRef) String() string {
	if s.Subject == "" {
		return "schema " + s.Name
	}
	return fmt.Sprintf("schema %s (%s@%d)", s.Name, s.Subject, s.Version)
}

// OfKind counts the findings of a kind.
func OfKind(fs []Finding, k Kind) int {
	n := 0
	for _, f := range fs {
		if f.Kind == k {
			n++
		}
	}
	return n
}

// Page returns the path of the runbook about a kind, relative to the repository.
func (k Kind) Page() string { return runbook.OfKind(string(k)) }

// NameRunbooks writes onto each finding which page to read. It is done last: neither ids nor what is kept of a scan know of it.
func NameRunbooks(fs []Finding) {
	for i := range fs {
		fs[i].Runbook = fs[i].Kind.Page()
	}
}

// Name returns how people call a partition of a dataset: orders/p07.
func Name(dataset string, part int32) string { return fmt.Sprintf("%s/p%02d", dataset, part) }

// Identify gives findings that no scan made their ids, in the form of those of a scan.
func Identify(dataset string, fs []Finding) (set string) {
	for i := range fs {
		fs[i].ID = ""
	}
	set = setName(struct {
		Dataset  string
		Findings []Finding
	}{dataset, fs})
	for i := range fs {
		fs[i].ID = fmt.Sprintf("%s.%d", set, i+1)
	}
	return set
}

// identify gives all findings their ids. The hash is over everything that was found, so that a plan can tell whether the world
// moved since the scan; the number tells the findings of one scan apart. Both are made of what each partition says of itself, so that
// partitions which were scanned apart, or of which not everything was kept, give the same ids.
func (r *Report) identify() {
	type part struct {
		Partition int32
		Hash      [32]byte
	}
	var parts []part
	for _, p := range r.Results {
		if p.found > 0 {
			parts = append(parts, part{p.Partition, p.hash})
		}
	}
	r.Set = setName(struct {
		Dataset string
		Parts   []part
	}{r.Dataset, parts})
	number, next := 0, 0
	for _, p := range r.Results {
		for i := range p.findings {
			r.Findings[next+i].ID = fmt.Sprintf("%s.%d", r.Set, number+i+1)
		}
		number, next = number+p.found, next+len(p.findings)
	}
}

func setName(v any) string {
	sum := sha256.Sum256(plain(v))
	return "g-" + hex.EncodeToString(sum[:3])
}

// digest is over what was found in one partition, before anybody looks for causes.
func digest(fs []Finding) [32]byte { return sha256.Sum256(plain(fs)) }

// digestWhole is digest of findings that list all of their ranges. Those of them that do not have the others in whole, by their number.
func digestWhole(fs []Finding, whole map[int]iter.Seq[partition.Range]) [32]byte {
	if len(whole) == 0 {
		return digest(fs)
	}
	h := sha256.New() // which never fails to write
	out := bufio.NewWriterSize(h, 64<<10)
	sep := byte('[')
	for i := range fs {
		_ = out.WriteByte(sep)
		sep = ','
		all, cut := whole[i]
		if !cut {
			_, _ = out.Write(plain(fs[i]))
			continue
		}
		f := fs[i]
		f.Ranges, f.RangesLeft = f.Ranges[:1], 0
		const name = `"ranges":` // which comes before all that is text
		before, after, _ := bytes.Cut(plain(f), append([]byte(name), plain(f.Ranges)...))
		_, _ = out.Write(append(before, name...))
		writeRanges(out, all)
		_, _ = out.Write(after)
	}
	_ = out.WriteByte(']')
	_ = out.Flush()
	return [32]byte(h.Sum(nil))
}

// writeRanges writes what plain makes of a list.
func writeRanges(out *bufio.Writer, all iter.Seq[partition.Range]) {
	sep := byte('[')
	for r := range all {
		text := append(out.AvailableBuffer(), sep)
		text = strconv.AppendInt(append(text, `{"from":`...), r.From, 10)
		text = strconv.AppendInt(append(text, `,"to":`...), r.To, 10)
		_, _ = out.Write(append(text, '}'))
		sep = ','
	}
	_ = out.WriteByte(']')
}

func plain(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("gap: findings are plain values: " + err.Error())
	}
	return text
}
