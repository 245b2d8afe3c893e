package recovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/gap"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// PlanVersion is the version of the document that this program writes.
const PlanVersion = 1

// Plan is a frozen, readable list of what will be written where. Nothing in it is computed again when it runs.
type Plan struct {
	Version int `json:"version"`
	// Cluster is the id of the backstitch cluster that the plan was made for; "" when it was made without one.
	Cluster  string         `json:"cluster,omitempty"`
	Spec     *spec.Recovery `json:"spec"` // with its defaults written out
	Recipe   Recipe         `json:"recipe"`
	Target   State          `json:"target"`
	Findings []gap.Finding  `json:"findings,omitempty"`
	Set      string         `json:"set"` // of the findings
	Parts    []Part         `json:"parts"`
	Slices   []Slice        `json:"slices"`
	Totals   Totals         `json:"totals"`
	Checks   []Check        `json:"checks"`
	Notes    []Note         `json:"notes,omitempty"`
	Undo     string         `json:"undo"`
}

// Part is one partition of a plan, for people.
type Part struct {
	Partition int32  `json:"partition"`
	Action    string `json:"action"` // "fill", "skip", "cannot", or "unread": needs nothing as far as the reference can be read
	Records   int64  `json:"records"`
	Bytes     int64  `json:"bytes"`
	Ranges    int    `json:"ranges"`
	FirstMs   int64  `json:"firstMs,omitempty"`
	LastMs    int64  `json:"lastMs,omitempty"`
	From      int64  `json:"from"` // span of the reference positions
	To        int64  `json:"to"`
	Objects   int    `json:"objects"`
	Reason    string `json:"reason,omitempty"` // why it can not be filled
}

// Totals are sums over all parts.
type Totals struct {
	Compared  int64 `json:"compared"` // records of the reference that were looked at
	Records   int64 `json:"records"`  // to write
	Bytes     int64 `json:"bytes"`
	Fill      int   `json:"fill"` // partitions
	Skip      int   `json:"skip"`
	Cannot    int   `json:"cannot"`
	Objects   int   `json:"objects"` // to read for writing
	ReadBytes int64 `json:"readBytes"`
	Slices    int   `json:"slices"`
	// LowSeconds and HighSeconds bound the time that it should take, at the speeds below. It is a guess, and an interval.
	LowSeconds  int64 `json:"lowSeconds"`
	HighSeconds int64 `json:"highSeconds"`
}

// Check is one thing that was looked at before.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // "ok", "warn", "unknown"
	Text   string `json:"text"`
}

// Note is a warning with a stable code.
type Note struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Slice is partition.Slice in the form of the document.
type Slice struct {
	N          uint32     `json:"n"`
	Kind       string     `json:"kind"`
	Partition  int32      `json:"partition"`
	Ranges     [][2]int64 `json:"ranges"`
	Objects    []Object   `json:"objects,omitempty"`
	Records    int64      `json:"records"`
	Bytes      int64      `json:"bytes"`
	TargetFrom int64      `json:"targetFrom"`
	TargetTo   int64      `json:"targetTo"`
	Filled     [][2]int64 `json:"filled,omitempty"`
}

// Object is partition.Object in the form of the document.
type Object struct {
	Key   string `json:"key"`
	ETag  string `json:"etag"`
	Size  int64  `json:"size"`
	Base  int64  `json:"base"`
	Count int64  `json:"count"`
}

func pairs(rs partition.Ranges) [][2]int64 {
	out := make([][2]int64, 0, len(rs))
	for _, r := range rs {
		out = append(out, [2]int64{r.From, r.To})
	}
	return out
}

func ranges(ps [][2]int64) partition.Ranges {
	if len(ps) == 0 {
		return nil
	}
	out := make(partition.Ranges, 0, len(ps))
	for _, p := range ps {
		out = append(out, partition.Range{From: p[0], To: p[1]})
	}
	return out
}

func freeze(s partition.Slice) Slice {
	out := Slice{
		N: s.ID.N, Kind: s.Kind.String(), Partition: s.Partition, Ranges: pairs(s.Ranges), Records: s.Records, Bytes: s.Bytes,
		TargetFrom: s.TargetFrom, TargetTo: s.TargetTo,
	}
	if len(s.Filled) > 0 {
		out.Filled = pairs(s.Filled)
	}
	for _, o := range s.Objects {
		out.Objects = append(out.Objects, Object(o))
	}
	return out
}

// thaw is the inverse of freeze for a slice of job.
func (s *Slice) thaw(job partition.JobID) (partition.Slice, error) {
	out := partition.Slice{
		ID: partition.SliceID{Job: job, N: s.N}, Partition: s.Partition, Ranges: ranges(s.Ranges), Records: s.Records, Bytes: s.Bytes,
		TargetFrom: s.TargetFrom, TargetTo: s.TargetTo, Filled: ranges(s.Filled),
	}
	switch s.Kind {
	case partition.SliceFill.String():
		out.Kind = partition.SliceFill
	case partition.SliceVerify.String():
		out.Kind = partition.SliceVerify
	default:
		return out, fmt.Errorf("slice %d is of kind %q", s.N, s.Kind)
	}
	for _, o := range s.Objects {
		out.Objects = append(out.Objects, partition.Object(o))
	}
	return out, nil
}

// canonical is the one form of p: JSON without blanks, keys in the order of the types. Maps, which only annotations have, are
// sorted by the encoder.
func (p *Plan) canonical() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Hash is the SHA-256 of the plan's canonical form. It is the plan's name.
func (p *Plan) Hash() ([32]byte, error) {
	text, err := p.canonical()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(text), nil
}

// jobIDLetters of the hash make a job id: 50 bits, 10 letters.
const jobIDLetters = 10

// JobID is the id of the job that runs a plan of that hash. The same plan always makes the same job, so that submitting it
// twice runs it once.
func JobID(hash [32]byte) partition.JobID {
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hash[:])
	return partition.JobID("bs-" + strings.ToLower(text[:jobIDLetters]))
}

// Empty reports whether the plan writes nothing.
func (p *Plan) Empty() bool { return p.Totals.Records == 0 && p.Totals.Fill == 0 }

// Submission is what the cluster is asked to do.
type Submission struct {
	ID        partition.JobID
	Name      string
	Namespace string
	PlanHash  [32]byte
	Cluster   string // that the plan was made for, "" for any
	Recipe    []byte // canonical JSON of Recipe
	Locks     []string
	Priority  uint8
	Records   int64
	Bytes     int64
	Slices    []partition.Slice
	Terms     *Terms // nil where the job has none
}

// Submission makes the submission of p.
func (p *Plan) Submission() (*Submission, error) {
	hash, err := p.Hash()
	if err != nil {
		return nil, err
	}
	recipe, err := json.Marshal(p.Recipe)
	if err != nil {
		return nil, fmt.Errorf("encode recipe: %w", err)
	}
	out := &Submission{
		ID: JobID(hash), Name: p.Spec.Metadata.Name, Namespace: p.Spec.Metadata.Namespace, PlanHash: hash, Cluster: p.Cluster,
		Recipe: recipe, Locks: p.Locks(), Priority: uint8(*p.Spec.Spec.Schedule.Priority), Terms: p.Recipe.Terms,
	}
	for i := range p.Slices {
		s, err := p.Slices[i].thaw(out.ID)
		if err != nil {
			return nil, err
		}
		out.Slices = append(out.Slices, s)
	}
	out.Records, out.Bytes = plan.Totals(out.Slices)
	return out, nil
}

// maxLeft is how many places a recipe names.
const maxLeft = 20

// left names what no proof of the job will cover, because the reference can not be read or not be compared there, and counts the rest of it.
func (p *Plan) left() (out []string, more int64) {
	for _, f := range p.Findings {
		if f.Kind != gap.Corrupt && f.Kind != gap.NotComparable || source.Refused(f.Code) {
			continue
		}
		if len(out) == maxLeft {
			more++
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s", p.name(f.Partition), f.Reason))
	}
	return out, more
}

// Locks are the targets that a job of p writes, one per partition that it fills. A job that only verifies locks what it reads,
// so that nothing is written there meanwhile.
func (p *Plan) Locks() []string {
	var out []string
	seen := map[int32]bool{}
	if p.Recipe.Target.Reshape != nil {
		for _, t := range p.Target.Partitions { // each of them is written from all partitions of the reference
			out = append(out, p.lock(t.Partition))
		}
		return out
	}
	for _, s := range p.Slices {
		if seen[s.Partition] {
			continue
		}
		seen[s.Partition] = true
		switch p.Target.Kind {
		case "dir":
			out = append(out, fmt.Sprintf("dir:%s/%d", p.Target.Path, s.Partition))
		case "s3": // two stores may have buckets of one name; then one job waits for nothing, which is better than two that write
			out = append(out, fmt.Sprintf("%s/%s/%d", p.Target.Path, p.Target.Topic, s.Partition))
		default:
			out = append(out, p.lock(s.Partition))
		}
	}
	return out
}

// lock is that of one partition of a topic.
func (p *Plan) lock(part int32) string {
	return fmt.Sprintf("kafka:%s/%s/%d", p.Target.ClusterID, p.Target.Topic, part)
}

// name is how people call one partition of p.
func (p *Plan) name(part int32) string { return gap.Name(p.Recipe.partitionsOf(p.Target.Topic), part) }

// short is how people call a plan.
func short(hash [32]byte) string { return hex.EncodeToString(hash[:6]) }
