package fsm

import (
	"fmt"

	"backstitch/partition"
)

// The outbox. What happens to a dataset, or to a flow (fact_flow_outbox.go), is written down as a notice by the command that makes it happen, so that no leader can forget
// it; how far each endpoint has been told is a fact too. Sending is the leader's business and may happen twice, if it dies
// between sending and saying so.

// NoticeKind is what happened. The numbers are stored; never reuse one.
type NoticeKind uint8

const (
	NoticeStarted   NoticeKind = 1 // a job about the dataset runs, for the first time or again
	NoticeSucceeded NoticeKind = 2 // it ended with a passing proof; a scan, with nothing found
	NoticeFailed    NoticeKind = 3
	NoticeCancelled NoticeKind = 4
	NoticeFound     NoticeKind = 5  // a scan succeeded, and something is wrong
	NoticePlanned   NoticeKind = 6  // a plan of what a scan found waits for a person
	NoticeAtRisk    NoticeKind = 7  // a job may miss its deadline
	NoticeMissed    NoticeKind = 8  // its deadline has passed, and it is not proved as complete as was asked for
	NoticeAnomaly   NoticeKind = 9  // an hour of a topic began to have more or less than usual
	NoticeUsual     NoticeKind = 10 // nothing of the dataset is unusual any more
	// Of flows alone, which have the first four besides.
	NoticeWaiting        NoticeKind = 11 // a step waits for a person
	NoticeAnswered       NoticeKind = 12 // no step waits for a person any more
	NoticeRolledBack     NoticeKind = 13 // it failed, and what was to be taken back was
	NoticeRollbackFailed NoticeKind = 14 // it failed, and not all of it was

	lastNotice = NoticeRollbackFailed
)

// String returns the word that specs and the API use.
func (k NoticeKind) String() string {
	switch k {
	case NoticeStarted:
		return "started"
	case NoticeSucceeded:
		return "succeeded"
	case NoticeFailed:
		return "failed"
	case NoticeCancelled:
		return "cancelled"
	case NoticeFound:
		return "found"
	case NoticePlanned:
		return "planned"
	case NoticeAtRisk:
		return "sla-at-risk"
	case NoticeMissed:
		return "sla-missed"
	case NoticeAnomaly:
		return "anomaly"
	case NoticeUsual:
		return "usual"
	case NoticeWaiting:
		return "waiting"
	case NoticeAnswered:
		return "answered"
	case NoticeRolledBack:
		return "rolled-back"
	case NoticeRollbackFailed:
		return "rollback-failed"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// NoticeKinds are all that there are, in the order of their numbers.
func NoticeKinds() (out []NoticeKind) {
	for k := NoticeStarted; k <= lastNotice; k++ {
		out = append(out, k)
	}
	return out
}

// ParseNoticeKind is the other way round; ok is false for a word that is none.
func ParseNoticeKind(word string) (k NoticeKind, ok bool) {
	for _, k := range NoticeKinds() {
		if k.String() == word {
			return k, true
		}
	}
	return 0, false
}

// Notice is one thing that happened to a dataset or a flow. Dataset and Index name it for ever.
type Notice struct {
	Dataset   DatasetName // or FlowOutbox.Name
	Index     uint64      // of the command that made it happen
	UnixNanos int64
	Kind      NoticeKind
	Job       partition.JobID // of a plan: Plan.ID; of a flow: its id
	JobName   string          // of a flow: the step that it is about, "" for the flow itself
	Why       string
	Proof     ProofID     // that ended the job, "" when none did
	Scan      *ScanCounts // of a scan, nil for a job that writes
}

// Delivery is how far an endpoint has been told.
type Delivery struct {
	Dataset  DatasetName
	Endpoint string
	Settled  uint64 // index up to which every notice was delivered or given up
	Sent     uint64 // notices delivered
	Dropped  uint64 // notices given up
	// Why is the reason of the newest one that was given up.
	Why       string
	UnixNanos int64 // of the newest change
}

func noticeKey(n DatasetName, index uint64) []byte { return key(kindNotice, ended(n), u64(index)) }

func deliveryKey(n DatasetName, endpoint string) []byte {
	return key(kindDelivery, ended(n), []byte(endpoint))
}

// endNotice is what is told of a job that ended by itself.
func endNotice(s JobState) NoticeKind {
	if s == JobSucceeded {
		return NoticeSucceeded
	}
	return NoticeFailed
}

// tell writes down what happened to j, if it is about a dataset whose endpoints want to hear of it.
func (t *tx) tell(k NoticeKind, j Job, why string, proof ProofID) {
	if t.version() < datasetsSince {
		return // older programs would keep another book
	}
	name := DatasetOf(j.Namespace, j.Name)
	scan, scans := t.scanOf(j.ID)
	if scan.Dataset != "" {
		name = DatasetOf(j.Namespace, scan.Dataset)
	}
	d, ok := t.dataset(name)
	if !ok {
		return
	}
	n := Notice{Dataset: d.Name, Index: t.index, UnixNanos: t.env.UnixNanos, Kind: k, Job: j.ID, JobName: j.Name, Why: why, Proof: proof}
	if scans {
		n.Scan = &scan.Counts
		if k == NoticeSucceeded && scan.Counts.Findings > 0 {
			n.Kind = NoticeFound
		}
	}
	t.putNotice(d.audience(), n)
}

// tellOf writes down what happened to a dataset by itself, and not to a job about it.
func (t *tx) tellOf(d Dataset, k NoticeKind, why string) {
	t.putNotice(d.audience(), Notice{Dataset: d.Name, Index: t.index, UnixNanos: t.env.UnixNanos, Kind: k, Why: why})
}

// audience is who hears of one dataset, or of one flow.
type audience struct {
	name      DatasetName
	endpoints []Endpoint
}

func (d Dataset) audience() audience { return audience{d.Name, d.Endpoints} }

// audience finds who hears of what has that name.
func (t *tx) audience(n DatasetName) (a audience, ok bool) {
	if n.ofFlow() {
		o, ok := t.flowOutbox(n)
		return o.audience(), ok
	}
	d, ok := t.dataset(n)
	return d.audience(), ok
}

// putNotice writes a notice that somebody wants to hear of. A command makes one of a dataset at most: its index is the name of it.
func (t *tx) putNotice(to audience, n Notice) {
	if t.over && t.read(noticeKey(to.name, t.index), &Notice{}) {
		return // what begins since something has ended is told with that (tellBesides)
	}
	for _, e := range to.endpoints {
		if e.Hears(n.Kind) {
			t.makeRoom(to)
			t.write(noticeKey(to.name, t.index), &n)
			return
		}
	}
}

// kindsTold has a bit for each kind of notice that there is in the cluster's version.
func (t *tx) kindsTold() uint32 {
	switch v := t.version(); {
	case v >= toldSince:
		return everyKind
	case v >= policiesSince:
		return planKinds
	}
	return firstKinds
}

// makeRoom gives up the oldest notice of a dataset that has too many, so that endpoints that never answer can not fill the book.
func (t *tx) makeRoom(of audience) {
	keys := t.keys(key(kindNotice, ended(of.name)))
	if len(keys) < maxNoticesOfDataset {
		return
	}
	var n Notice
	t.read(keys[0], &n)
	for _, e := range of.endpoints {
		var have Delivery
		k := deliveryKey(of.name, e.Name)
		if t.read(k, &have) && have.Settled < n.Index {
			if e.Hears(n.Kind) {
				have.Dropped++
				have.Why = fmt.Sprintf("more than %d notices were waiting", maxNoticesOfDataset)
			}
			have.Settled, have.UnixNanos = n.Index, t.env.UnixNanos
			t.write(k, &have)
		}
	}
	t.remove(keys[0])
}

// forgetSettled removes the notices that no endpoint waits for: each was told, or does not want to hear of it.
func (t *tx) forgetSettled(of audience) {
	settled := make([]uint64, len(of.endpoints))
	for i, e := range of.endpoints {
		var have Delivery
		t.read(deliveryKey(of.name, e.Name), &have)
		settled[i] = have.Settled
	}
	for _, k := range t.keys(key(kindNotice, ended(of.name))) {
		var n Notice
		t.read(k, &n)
		waits := false
		for i, e := range of.endpoints {
			waits = waits || e.Hears(n.Kind) && settled[i] < n.Index
		}
		if !waits {
			t.remove(k)
		}
	}
}

// Notices returns the notices of a dataset, or of an outbox of flows, that some endpoint waits for, oldest first.
func (v *View) Notices(n DatasetName) ([]Notice, error) {
	var out []Notice
	for n, err := range each[Notice](v, key(kindNotice, ended(n)), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Waiting returns the names of the datasets, and of the outboxes of flows, that have notices.
func (v *View) Waiting() ([]DatasetName, error) {
	var out []DatasetName
	for n, err := range each[Notice](v, key(kindNotice), nil) {
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1] != n.Dataset {
			out = append(out, n.Dataset)
		}
	}
	return out, nil
}

// Deliveries returns how far each endpoint of a dataset has been told, by name.
func (v *View) Deliveries(n DatasetName) ([]Delivery, error) {
	var out []Delivery
	for d, err := range each[Delivery](v, key(kindDelivery, ended(n)), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
