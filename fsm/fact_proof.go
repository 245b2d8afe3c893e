package fsm

import "backstitch/partition"

// ProofID names a proof, "r-" followed by lower-case base32.
type ProofID string

// Verdict is the result of a comparison. The numbers are stored; never reuse one.
type Verdict uint8

const (
	Pass          Verdict = 1
	Fail          Verdict = 2
	Indeterminate Verdict = 3 // nothing could be compared; never a pass
)

// String returns the word that reports use.
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case Indeterminate:
		return "indeterminate"
	}
	return "unknown"
}

// Meaning says in a sentence what the verdict is. Documents quote it.
func (v Verdict) Meaning() string {
	switch v {
	case Pass:
		return "every record of the reference is in the target, once, and nothing that was checked differs"
	case Fail:
		return "something that was checked differs; the place is named"
	case Indeterminate:
		return "nothing could be compared, or the reference can not be read any more; never a pass"
	}
	return "unknown"
}

// Evidence is how much a comparison looked at. E0 is watermark arithmetic and is never called verified, E1 counted records,
// E2 compared an order-free multiset hash of canonical records, E3 also their order, E4 is E3 read by a node that did not
// write. The numbers are stored.
type Evidence uint8

const (
	E0 Evidence = 0
	E1 Evidence = 1
	E2 Evidence = 2
	E3 Evidence = 3
	E4 Evidence = 4
)

// String returns "E0" to "E4".
func (e Evidence) String() string { return "E" + string('0'+rune(e)) }

// Meaning says in a sentence what was looked at. Documents quote it.
func (e Evidence) Meaning() string {
	switch e {
	case E0:
		return "nothing but arithmetic of watermarks and offsets; never called verified"
	case E1:
		return "records were counted, range by range"
	case E2:
		return "the same records are on both sides, as a multiset of 128-bit hashes of their canonical form"
	case E3:
		return "the same records in the same order: E2, and a hash chain per partition over keys, values, headers and timestamps"
	case E4:
		return "the same records in the same order, as in E3, read from the target by a node that wrote nothing of the partition"
	}
	return "unknown"
}

// Side is what one side of a comparison holds.
type Side struct {
	Records int64
	Bytes   int64    // uncompressed keys, values and headers
	Sum     [16]byte // multiset hash: sum of the canonical hashes modulo 2^128, big endian
	Chain   [16]byte // ordered hash chain, zero below E3
}

// Comparison is one partition compared on both sides.
type Comparison struct {
	Partition int32
	Range     partition.Range // of the reference
	Verdict   Verdict
	Evidence  Evidence
	Expected  Side // reference
	Actual    Side // target, matched records only
	// Missing is in the reference and not in the target. Extra is in the target, in range, and not in the reference.
	// Duplicates are in the target more often than in the reference: Preexisting before the job, Introduced by it.
	Missing               int64
	Extra                 int64
	PreexistingDuplicates int64
	IntroducedDuplicates  int64
	OrderViolations       int64
	// Quarantined are positions that the job could not write. They are expected to be absent and are not among Expected.
	Quarantined int64
	// Detail names the first difference: "offset 4711: value differs". "" on a pass.
	Detail string
	// NotChecked lists what this comparison could not see, e.g. "timestamps: the archive does not hold them".
	NotChecked []string
	ReadBy     partition.NodeID // who read the target
}

// Proof is what was compared with what, with both sides' numbers.
type Proof struct {
	ID          ProofID
	Job         partition.JobID
	Verdict     Verdict
	Evidence    Evidence // the lowest of all comparisons
	Comparisons []Comparison
	UnixNanos   int64
	By          string // node or person that ran it
	Index       uint64 // log index at which it was recorded
}

// Judge folds comparisons into a verdict and the lowest evidence level. Fail outweighs indeterminate outweighs pass, and
// zero records compared is indeterminate whatever the parts say. A comparison that claims E4 counts as E3 unless w says that
// another node read than wrote.
func Judge(cs []Comparison, w Writers) (Verdict, Evidence) {
	return judge(cs, w.Level)
}

func judge(cs []Comparison, level func(Comparison) Evidence) (Verdict, Evidence) {
	verdict, evidence := Pass, E4
	var compared int64
	for _, c := range cs {
		compared += c.Expected.Records
		evidence = min(evidence, level(c))
		switch {
		case c.Verdict == Fail:
			verdict = Fail
		case c.Verdict != Pass && verdict != Fail:
			verdict = Indeterminate
		}
	}
	if len(cs) == 0 {
		evidence = E0
	}
	if compared == 0 && verdict == Pass {
		verdict = Indeterminate
	}
	return verdict, evidence
}
