package gap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
)

// Finding is one thing that a scan found in one partition.
type Finding struct {
	ID        string           `json:"id"` // "g-" hash "." number: the same data gives the same id
	Kind      Kind             `json:"kind"`
	Partition int32            `json:"partition"`
	Range     partition.Range  `json:"range"`            // of the reference; for duplicates and extra ones, of the target
	Ranges    partition.Ranges `json:"ranges,omitempty"` // exactly, where Range spans more than the finding
	Count     int64            `json:"count"`            // records; -1 when it can not be known
	Bytes     int64            `json:"bytes"`            // keys, values and headers; of runs and damage an estimate by their share of what lies around them
	FirstMs   int64            `json:"firstMs,omitempty"`
	LastMs    int64            `json:"lastMs,omitempty"` // newest timestamp; both zero when there are none
	Object    string           `json:"object,omitempty"` // of the archive, for damage
	Whole     bool             `json:"whole,omitempty"`  // nothing of the object could be read
	Reason    string           `json:"reason"`
	Evidence  string           `json:"evidence"` // "E2" when contents were compared, "" when nothing was
	// Recoverable says whether a plan would write it.
	Recoverable bool `json:"recoverable"`
}

// Name returns how people call a partition of a dataset: orders/p07.
func Name(dataset string, part int32) string { return fmt.Sprintf("%s/p%02d", dataset, part) }

// identify gives all findings their ids. The hash is over everything that was found, so that a plan can tell whether the world
// moved since the scan; the number tells the findings of one scan apart.
func identify(dataset string, fs []Finding) (set string) {
	for i := range fs {
		fs[i].ID = ""
	}
	text, err := json.Marshal(struct {
		Dataset  string
		Findings []Finding
	}{dataset, fs})
	if err != nil {
		panic("gap: findings are plain values: " + err.Error())
	}
	sum := sha256.Sum256(text)
	set = "g-" + hex.EncodeToString(sum[:3])
	for i := range fs {
		fs[i].ID = fmt.Sprintf("%s.%d", set, i+1)
	}
	return set
}
