package fsm

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"backstitch/partition"
)

// Which schemas the records of a dataset have named, since when. Scans keep it, as a side product of comparing by schema: a registry knows what
// is registered, and neither what is used nor since when.

// SchemaPlace is the part of a pair's records that names a schema. The numbers are stored; never reuse one.
type SchemaPlace uint8

const (
	ReferenceKey   SchemaPlace = 1
	ReferenceValue SchemaPlace = 2
	TargetKey      SchemaPlace = 3
	TargetValue    SchemaPlace = 4
)

// String is "values of the reference".
func (p SchemaPlace) String() string {
	switch p {
	case ReferenceKey:
		return "keys of the reference"
	case ReferenceValue:
		return "values of the reference"
	case TargetKey:
		return "keys of the target"
	case TargetValue:
		return "values of the target"
	}
	return fmt.Sprintf("place %d", uint8(p))
}

// SeenSchema is a schema as the records of one partition name it.
type SeenSchema struct {
	Place   SchemaPlace
	Name    string   // a number, or a GUID in its usual form
	Print   [16]byte // of what it says, the same in every registry
	Subject string   // of the topic, as its registry lists the schema; "" when it does not
	Version int32    // of the subject, 0 when it is not listed
	// Where it was met first, and when that record was written, in Kafka milliseconds.
	First       Position
	TimestampMs int64
}

// DatasetSchema is one line of a dataset's history.
type DatasetSchema struct {
	Dataset DatasetName
	Pair    string // of the scan
	Seen    SeenSchema
	// Scan is the first scan that met it, Last the newest, each with when it said so.
	Scan          partition.JobID
	UnixNanos     int64
	Last          partition.JobID
	LastUnixNanos int64
}

const (
	// MaxDatasetSchemas bounds the history of one dataset. What was not met for the longest time is forgotten first.
	MaxDatasetSchemas = 1024
	// MaxSeenSchemas bounds what is kept of one partition at a time.
	MaxSeenSchemas   = 256
	maxSchemaName    = 64
	maxSchemaSubject = 512
)

func (s SeenSchema) invalid() string {
	switch {
	case s.Place < ReferenceKey || s.Place > TargetValue:
		return fmt.Sprintf("a schema at %s", s.Place)
	case s.Name == "" || len(s.Name) > maxSchemaName || len(s.Subject) > maxSchemaSubject:
		return fmt.Sprintf("a schema whose name has %d bytes and its subject %d", len(s.Name), len(s.Subject))
	case s.Version < 0 || (s.Version > 0) != (s.Subject != ""):
		return fmt.Sprintf("schema %s is version %d of subject %q", s.Name, s.Version, s.Subject)
	case s.First.Partition < 0 || s.First.Offset < 0:
		return fmt.Sprintf("schema %s was met at %s", s.Name, s.First)
	}
	return ""
}

func schemaKey(s DatasetSchema) []byte {
	return key(kindSchema, ended(s.Dataset), ended(s.Pair), []byte{byte(s.Seen.Place)}, []byte(s.Seen.Name))
}

// DatasetSchemas yields the history of a dataset, by pair, place and name.
func (v *View) DatasetSchemas(n DatasetName) iter.Seq2[DatasetSchema, error] {
	return each[DatasetSchema](v, key(kindSchema, ended(n)), nil)
}

// earlierSchemas are the lines of a pair's history that scans before this one have made.
func (v *View) earlierSchemas(scan Scan, namespace string) (out []DatasetSchema, err error) {
	if scan.Dataset == "" {
		return nil, nil
	}
	prefix := key(kindSchema, ended(DatasetOf(namespace, scan.Dataset)), ended(scan.Pair))
	read := func(k []byte, to any) bool {
		ok, failed := v.read(k, to)
		err = cmp.Or(err, failed)
		return ok
	}
	for s, failed := range each[DatasetSchema](v, prefix, nil) {
		if failed != nil {
			return nil, failed
		}
		if s.Scan != scan.Job && s.told(read) {
			out = append(out, s)
		}
	}
	return out, err
}

// told reports whether what the first scan found in the partition where it met s is kept, or was and is forgotten. A scan that met a schema
// and broke off before it could say so leaves it to the next one.
func (s DatasetSchema) told(read func(k []byte, to any) bool) bool {
	if !read(jobKey(kindScan, s.Scan), new(Scan)) {
		return true
	}
	l := lane{Open: true}
	read(laneKey(partition.Lane{Job: s.Scan, Partition: s.Seen.First.Partition}), &l)
	return !l.Open
}

// noteSchema writes down that a scan has met a schema.
func (t *tx) noteSchema(s DatasetSchema) {
	k := schemaKey(s)
	var have DatasetSchema
	if t.read(k, &have) {
		if have.Scan != s.Scan && !have.told(t.read) {
			t.write(k, &s)
			return
		}
		if have.Scan == s.Scan && s.Seen.earlier(have.Seen) {
			have.Seen.First, have.Seen.TimestampMs = s.Seen.First, s.Seen.TimestampMs
		}
		have.Seen.Print, have.Seen.Subject, have.Seen.Version = s.Seen.Print, s.Seen.Subject, s.Seen.Version
		have.Last, have.LastUnixNanos = s.Last, s.LastUnixNanos
		t.write(k, &have)
		return
	}
	t.write(k, &s)
}

// earlier reports whether s was met before o: in time where both have one, else in an earlier position.
func (s SeenSchema) earlier(o SeenSchema) bool {
	if s.TimestampMs > 0 && o.TimestampMs > 0 && s.TimestampMs != o.TimestampMs {
		return s.TimestampMs < o.TimestampMs
	}
	return s.First.before(o.First)
}

// forgetSchemas removes what is too much of a dataset's history: what was not met for the longest time.
func (t *tx) forgetSchemas(n DatasetName) {
	keys := t.keys(key(kindSchema, ended(n)))
	if len(keys) <= MaxDatasetSchemas {
		return
	}
	type line struct {
		key  []byte
		last int64
	}
	lines := make([]line, len(keys))
	for i, k := range keys {
		var s DatasetSchema
		t.read(k, &s)
		lines[i] = line{k, s.LastUnixNanos}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.last, b.last) })
	for _, l := range lines[:len(lines)-MaxDatasetSchemas] {
		t.remove(l.key)
	}
}
