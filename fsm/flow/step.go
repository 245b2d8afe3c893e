package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"backstitch/partition"
)

// Step is what never changes of a step.
type Step struct {
	Name  string
	Needs []string
	// Gate names a step, one of Needs, whose job has to have a passing proof before this one begins. "" for none.
	Gate string
	// MayFail is critical: false. The flow ends well without it.
	MayFail bool
	// TimeoutNanos bounds one attempt, 0 for no bound.
	TimeoutNanos int64
	Retry        Retry
	// Kind says who understands Body. Neither is read here, nor by the book.
	Kind string
	Body []byte
}

// Retry says how often a step is tried, and after which failures. Its zero value is one attempt.
type Retry struct {
	Attempts     uint32 // in all, the first included
	InitialNanos int64  // before the second one
	MaxNanos     int64  // between two
	Fixed        bool   // the same pause each time; otherwise it doubles
	On           uint16 // set of 1 << Class
}

// Class says what kind of failure it was. The numbers are stored; never reuse one.
type Class uint8

const (
	Transient Class = 1 // nobody answered, or the other end has trouble: later it may be well
	Throttled Class = 2 // the other end asks for less
	TimedOut  Class = 3 // the attempt's time was over
	Failed    Class = 4 // what was begun came to a bad end: a job, a run
	Refused   Class = 5 // the same again will be refused again; a person said no
	Gated     Class = 6 // what the gate names is not proved
	Lost      Class = 7 // nobody knows whether it was done, and it must not be done twice
)

// words are the classes as documents and the API call them.
var words = [...]string{Transient: "transient", Throttled: "throttled", TimedOut: "timeout", Failed: "failed", Refused: "refused", Gated: "gate", Lost: "lost"}

// String returns the word for c, "" for none.
func (c Class) String() string {
	if int(c) < len(words) {
		return words[c]
	}
	return "unknown"
}

// ParseClass reads what String returns, of those after which an attempt can follow.
func ParseClass(word string) (Class, bool) {
	for c := Transient; c <= Failed; c++ {
		if words[c] == word {
			return c, true
		}
	}
	return 0, false
}

// Status is where a step is. The numbers are stored; never reuse one.
type Status uint8

const (
	Pending   Status = 1 // not begun, or to be tried again
	Running   Status = 2 // an attempt is under way
	Waiting   Status = 3 // for a person
	Succeeded Status = 4
	Broken    Status = 5 // failed, and will not be tried again
	Skipped   Status = 6 // something that it needs failed
	Cancelled Status = 7 // the flow was
)

// String returns the word that the API uses.
func (s Status) String() string {
	switch s {
	case Pending:
		return "pending"
	case Running:
		return "running"
	case Waiting:
		return "waiting"
	case Succeeded:
		return "succeeded"
	case Broken:
		return "failed"
	case Skipped:
		return "skipped"
	case Cancelled:
		return "cancelled"
	}
	return "unknown"
}

// Ended reports whether nothing happens to the step any more.
func (s Status) Ended() bool { return s >= Succeeded }

// State is what changes of a step.
type State struct {
	Status  Status
	Attempt uint32 // number of the newest attempt, 0 before the first; never falls
	Tries   uint32 // attempts since the flow was submitted or retried
	Token   string // of the newest attempt
	// Job is the one that a step has started, "" for none. Another attempt takes it up again.
	Job   partition.JobID
	Proof string // of Job
	// Proved says that Proof is a pass.
	Proved bool

	Class              Class  // of the newest failure, 0 for none
	Why                string // it failed, was skipped, or waits
	By                 string // who approved or refused
	BegunUnixNanos     int64  // the newest attempt
	EndedUnixNanos     int64
	NotBeforeUnixNanos int64 // of the next attempt
}

// Token is what the effect of an attempt is known by at its other end: 32 hex digits, the same whoever asks and however often. See NextToken.
func Token(id, step string, attempt uint32) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "flow %s %d:%s %d", id, len(step), step, attempt))
	return hex.EncodeToString(sum[:16])
}

// NextToken is the token of the attempt after st. As long as nobody knows whether the one before has done something (no answer, no time left), it
// is the same: an other end that knows tokens then does it once, however many attempts it takes. What is known to have come to a bad
// end is begun under a new one.
func (st State) NextToken(id, step string) string {
	switch st.Class {
	case Transient, Throttled, TimedOut:
		if st.Token != "" {
			return st.Token
		}
	}
	return Token(id, step, st.Attempt+1)
}

// Again says whether a step is tried again after a failure of class c, and how long after it. tries are those since the last retry of the
// flow, the failed one included.
func (s Step) Again(tries uint32, c Class) (time.Duration, bool) {
	if tries >= s.Retry.Attempts || s.Retry.On&(1<<c) == 0 {
		return 0, false
	}
	d := s.Retry.InitialNanos
	for range tries - 1 {
		if s.Retry.Fixed || d >= s.Retry.MaxNanos {
			break
		}
		d *= 2
	}
	return time.Duration(min(d, s.Retry.MaxNanos)), true
}
