package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// SaveBaseline keeps what a look at hours of a topic has learned, or why it could not look. It names the hour that it went on from, so that no
// hour is learned twice, whoever looked beside or in between: of two looks that went on from the same hour the second is refused. What begins to be
// unusual is told in the same command, once for each fingerprint, and starts a scan of its target if the dataset wants that, and none of it runs.
// When nothing of the dataset is unusual any more, that is told, too.
//
// Since: 8. Proposed by: the node that looked. Refused: UnknownDataset (also for a target that is not counted), WrongState (the topic is counted
// up to another hour), Invalid (among others: a state above the bound, too much that is unusual, no hour that is new). What was saved
// already is OK.
type SaveBaseline struct {
	Dataset DatasetName
	Target  uint32
	Node    partition.NodeID
	Base    int64 // Baseline.LastHour that it went on from
	Look    *Look
	Failure string // instead of Look
}

// Look is what a look at hours has come to.
type Look struct {
	TopicID   string
	FirstHour int64 // that was counted, and the newest
	LastHour  int64
	Hours     int64 // fewer, where some were not there any more
	Records   int64
	Anew      bool // what was learned before is not gone on with
	Places    uint32
	Judged    uint32
	Notes     []string
	State     []byte
	Unusual   []Unusual
}

// Op returns 58.
func (SaveBaseline) Op() uint16 { return 58 }

func (c SaveBaseline) subject() string {
	return fmt.Sprintf("hours of target %d of dataset %s", c.Target+1, c.Dataset)
}

func (c SaveBaseline) apply(t *tx) Result {
	d, ok := t.dataset(c.Dataset)
	w, watched := t.watch(c.Dataset)
	x, has := w.of(c.Target)
	if !ok || !watched || !has {
		return t.refuse(UnknownDataset, c.subject())
	}
	if why := c.invalid(x); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	b := t.baseline(c.Dataset, x)
	if c.Look != nil && b.LastHour == c.Look.LastHour && b.LookedBy == c.Node && t.learnedIs(c) {
		return t.ok()
	}
	if b.LastHour != c.Base {
		return t.refuse(WrongState, fmt.Sprintf("%s are counted up to hour %d", c.subject(), b.LastHour))
	}
	b.LookedBy, b.LookedUnixNanos, b.ModifyIndex = c.Node, t.env.UnixNanos, t.index
	b.Claimant, b.ClaimedUnixNanos = "", 0
	if c.Look == nil {
		b.Failures++
		b.Failure, b.NotBeforeUnixNanos = c.Failure, t.env.UnixNanos+afterFailure(b.Failures)
		t.write(baselineKey(c.Dataset, c.Target), &b)
		return t.ok()
	}
	b.Failures, b.Failure, b.NotBeforeUnixNanos = 0, "", 0
	t.learn(d, w, b, c.Look)
	return t.ok()
}

// learnedIs reports whether the book has what c has learned.
func (t *tx) learnedIs(c SaveBaseline) bool {
	var have learned
	return t.read(learnedKey(c.Dataset, c.Target), &have) && string(have.State) == string(c.Look.State)
}

// learn takes a look over and tells of it.
func (t *tx) learn(d Dataset, w Watch, b Baseline, l *Look) {
	t.write(learnedKey(b.Dataset, b.Target), &learned{State: l.State})
	if l.Anew || b.LastHour == 0 {
		b.FirstHour, b.Hours, b.Records = l.FirstHour, 0, 0
	}
	b.TopicID, b.LastHour, b.Places, b.Judged, b.Notes = l.TopicID, l.LastHour, l.Places, l.Judged, l.Notes
	b.Hours += l.Hours
	b.Records += l.Records
	before := len(b.Open())
	begun := b.note(l.Unusual, t.index, t.env.UnixNanos)
	if len(begun) > 0 && w.Scan {
		b.scanned(begun, t.scanUnusual(d, b, begun[0]))
	}
	t.write(baselineKey(b.Dataset, b.Target), &b)
	switch {
	case len(begun) > 0:
		t.tellOf(d, NoticeAnomaly, b.say(begun))
	case before > 0 && len(b.Open()) == 0 && t.unusual(d.Name, b.Target) == 0:
		t.tellOf(d, NoticeUsual, fmt.Sprintf("%s: hours are as usual again", b.Topic))
	}
}

// scanned notes the scan that looks into what has begun.
func (b *Baseline) scanned(begun []string, scan partition.JobID) {
	for i := range b.Anomalies {
		for _, id := range begun {
			if b.Anomalies[i].ID == id && !b.Anomalies[i].Over {
				b.Anomalies[i].Scan = scan
			}
		}
	}
}

// scanUnusual starts a scan of the topic's pair, unless one runs, which it returns then. The same fingerprint has the same scan, as the same alert has
// (TriggeredScanID). That it has started is told with what it was started for.
func (t *tx) scanUnusual(d Dataset, b Baseline, fingerprint string) partition.JobID {
	order := d.Orders[b.Target]
	for _, k := range t.keys(key(kindJobActive)) {
		id := partition.JobID(k[1:])
		scan, ok := t.scanOf(id)
		if j, _ := t.job(id); ok && scan.Pair == order.Pair && DatasetOf(j.Namespace, scan.Dataset) == d.Name {
			return id
		}
	}
	id := TriggeredScanID(d.Name, int(b.Target), fingerprint, 0)
	if _, there := t.job(id); !there {
		c := SubmitScan{ID: id, Order: &order}
		t.beginScan(c, &order, t.hash(&c), fmt.Sprintf("hours of %s are unusual (%s)", b.Topic, fingerprint))
	}
	return id
}

// say is one line about what has begun to be unusual.
func (b *Baseline) say(begun []string) string {
	const most = 3
	var parts []string
	scan := partition.JobID("")
	for _, a := range b.Anomalies {
		for _, id := range begun {
			if a.ID == id && !a.Over {
				parts = append(parts, fmt.Sprintf("%s: %s (%s)", a.Unusual.About, a.Unusual.Reason, a.ID))
				scan = a.Scan
			}
		}
	}
	if n := len(parts); n > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", n-most))
	}
	text := b.Topic + ": " + strings.Join(parts, "; ")
	if scan != "" {
		text += fmt.Sprintf("; scan %s looks into it", scan)
	}
	return text
}

func (c SaveBaseline) invalid(x WatchedTopic) string {
	l := c.Look
	switch {
	case c.Node == "" || len(c.Node) > maxIDBytes:
		return "nobody has looked"
	case (l == nil) == (c.Failure == ""):
		return "want what a look has come to, or why it failed"
	case l == nil:
		return texts(maxBaselineNote, c.Failure)
	case l.LastHour <= c.Base || l.FirstHour > l.LastHour+1 || l.FirstHour <= c.Base && !l.Anew || l.Hours < 0 || l.Hours > l.LastHour-l.FirstHour+1 || l.Records < 0:
		return fmt.Sprintf("%d hours from %d to %d, after hour %d", l.Hours, l.FirstHour, l.LastHour, c.Base)
	case len(l.State) == 0 || len(l.State) > int(x.MaxBytes):
		return fmt.Sprintf("a state of %d bytes, want 1 to %d", len(l.State), x.MaxBytes)
	case len(l.Unusual) > MaxAnomalies || len(l.Notes) > maxNotes:
		return fmt.Sprintf("%d unusual things and %d notes, at most %d and %d are kept", len(l.Unusual), len(l.Notes), MaxAnomalies, maxNotes)
	case l.Judged > l.Places || len(l.TopicID) > maxIDBytes:
		return fmt.Sprintf("%d of %d places were judged", l.Judged, l.Places)
	}
	for i, u := range l.Unusual {
		if why := u.invalid(); why != "" {
			return why
		}
		for _, o := range l.Unusual[:i] {
			if o.same(u) {
				return u.About + " is unusual twice"
			}
		}
	}
	return texts(maxBaselineNote, l.Notes...)
}
