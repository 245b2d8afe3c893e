package fsm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"backstitch/partition"
)

// Baseline is how far a topic is counted, and what of it is unusual. What was learned is kept apart (View.Learned), since it is large.
type Baseline struct {
	Dataset DatasetName
	Target  uint32
	Topic   string
	// TopicID is of the topic that was counted; one that was made anew has another.
	TopicID string
	// FirstHour and LastHour are the oldest and the newest hour that were counted since 1970, both 0 before the first look. Hours is how many were,
	// which may be fewer, and Records what they had.
	FirstHour int64
	LastHour  int64
	Hours     int64
	Records   int64
	// Places is what was counted apart in the newest look, and Judged how many of them are known well enough to be judged.
	Places uint32
	Judged uint32
	Notes  []string // what could not be looked at
	// Anomalies are those that go on, and the newest that are over, by when they began to be told.
	Anomalies []Anomaly

	LookedBy        partition.NodeID
	LookedUnixNanos int64
	// Failures is how many looks in a row have failed, and Failure why the newest has.
	Failures uint32
	Failure  string
	// Claimant says that it counts, until then. NotBeforeUnixNanos is how long everybody waits after a failure.
	Claimant           partition.NodeID
	ClaimedUnixNanos   int64
	NotBeforeUnixNanos int64
	ModifyIndex        uint64
}

// Unusual is what a look says of one thing that is not as it usually is.
type Unusual struct {
	About     string // "records", "orders/p07", "source web-3": what of the topic
	More      bool   // there is more of it than usual, not less
	Partition int32  // partition.NoPartition where it is not of one
	SinceHour int64  // in which it began to show
	UntilHour int64  // after the newest that was judged
	// Off is by how many records all hours since are off, and New those of this look alone.
	Off int64
	New int64
	// Hour is the worst one: it had Seen, and nineteen of twenty such hours, which Season names, have From to To. Season is "" for a source that is
	// silent: it is held against its share of what all send.
	Hour   int64
	From   int64
	To     int64
	Seen   int64
	Season string
	Reason string
	Cause  string
}

// Anomaly is something unusual, from when it was found until it was over.
type Anomaly struct {
	// ID is the fingerprint: of the dataset, the topic, what it is about, which way, and since when. However often it is seen, it is told once, until it is over.
	ID      string
	Unusual Unusual
	// ToldIndex is of the command by which it was found, and FoundUnixNanos when that was.
	ToldIndex      uint64
	FoundUnixNanos int64
	// Over says that it was not seen any more, in the look of OverUnixNanos.
	Over          bool
	OverUnixNanos int64
	Scan          partition.JobID // that was started for it, or ran already (View.ScansInto), "" when none was
}

// learned is what was learned of one topic: what replay/sentinel/anomaly.State encodes. The book does not read it.
type learned struct{ State []byte }

// AnomalyID is the fingerprint of what is unusual.
func AnomalyID(n DatasetName, topic string, u Unusual) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "anomaly %d:%s %d:%s %d:%s %t %d", len(n), n, len(topic), topic, len(u.About), u.About, u.More, u.SinceHour))
	return "an-" + hex.EncodeToString(sum[:6])
}

func (u Unusual) same(o Unusual) bool { return u.About == o.About && u.More == o.More }

func (u Unusual) invalid() string {
	switch {
	case u.About == "" || u.Reason == "":
		return "something unusual that says not what, or not why"
	case u.SinceHour < 0 || u.UntilHour <= u.SinceHour || u.Hour < 0:
		return fmt.Sprintf("%s is unusual from hour %d to %d", u.About, u.SinceHour, u.UntilHour)
	case min(u.Off, u.New, u.From, u.To, u.Seen) < 0:
		return u.About + " has a negative count"
	}
	return texts(maxAnomalyText, u.About, u.Season, u.Reason, u.Cause)
}

// Open are the anomalies that go on.
func (b *Baseline) Open() (out []Anomaly) {
	for _, a := range b.Anomalies {
		if !a.Over {
			out = append(out, a)
		}
	}
	return out
}

// note takes what a look has found: what is new is returned, what goes on is brought up to date, and the rest is over.
func (b *Baseline) note(seen []Unusual, index uint64, now int64) (begun []string) {
	for i := range b.Anomalies {
		a := &b.Anomalies[i]
		if a.Over {
			continue
		}
		at := slices.IndexFunc(seen, a.Unusual.same)
		if at < 0 {
			a.Over, a.OverUnixNanos = true, now
			continue
		}
		// It goes on under its fingerprint, also when evidence of another kind shows it since another hour.
		u := seen[at]
		since, off := a.Unusual.SinceHour, a.Unusual.Off+u.New
		if u.Season == "" {
			off = u.Off // of a source all hours are known
		}
		a.Unusual = u
		a.Unusual.SinceHour, a.Unusual.Off = since, off
	}
	for _, u := range seen {
		if slices.ContainsFunc(b.Anomalies, func(a Anomaly) bool { return !a.Over && a.Unusual.same(u) }) {
			continue
		}
		a := Anomaly{ID: AnomalyID(b.Dataset, b.Topic, u), Unusual: u, ToldIndex: index, FoundUnixNanos: now}
		if at := slices.IndexFunc(b.Anomalies, func(o Anomaly) bool { return o.ID == a.ID }); at >= 0 {
			b.Anomalies = slices.Delete(b.Anomalies, at, at+1) // it was said to be over, and is not
		}
		b.Anomalies = append(b.Anomalies, a)
		begun = append(begun, a.ID)
	}
	over := 0
	for i := len(b.Anomalies) - 1; i >= 0; i-- {
		if !b.Anomalies[i].Over {
			continue
		}
		if over++; over > KeptAnomalies {
			b.Anomalies = slices.Delete(b.Anomalies, i, i+1)
		}
	}
	return begun
}

func baselineKey(n DatasetName, target uint32) []byte {
	return key(kindBaseline, ended(n), u32(target))
}

func learnedKey(n DatasetName, target uint32) []byte {
	return key(kindLearned, ended(n), u32(target))
}

// baseline is that of a watched topic, and a new one before the first look.
func (t *tx) baseline(n DatasetName, x WatchedTopic) Baseline {
	b := Baseline{Dataset: n, Target: x.Target, Topic: x.Topic}
	t.read(baselineKey(n, x.Target), &b)
	return b
}

// unusual is how many anomalies of a dataset go on, beside those of one target.
func (t *tx) unusual(n DatasetName, but uint32) (count int) {
	for _, k := range t.keys(key(kindBaseline, ended(n))) {
		var b Baseline
		if t.read(k, &b); b.Target != but {
			count += len(b.Open())
		}
	}
	return count
}

// Baselines returns how far the topics of a dataset are counted, by target.
func (v *View) Baselines(n DatasetName) ([]Baseline, error) {
	var out []Baseline
	for b, err := range each[Baseline](v, key(kindBaseline, ended(n)), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// Baseline returns how far one topic is counted; ok is false before anybody has said that it counts.
func (v *View) Baseline(n DatasetName, target uint32) (b Baseline, ok bool, err error) {
	ok, err = v.read(baselineKey(n, target), &b)
	return b, ok, err
}

// Learned returns what was learned of a topic, nil for nothing.
func (v *View) Learned(n DatasetName, target uint32) ([]byte, error) {
	var l learned
	_, err := v.read(learnedKey(n, target), &l)
	return l.State, err
}

// waits is until when nobody but who may look at the topic, in nanoseconds since 1970.
func (b *Baseline) waits(who partition.NodeID) int64 {
	if b.Claimant != "" && b.Claimant != who {
		return max(b.NotBeforeUnixNanos, b.ClaimedUnixNanos)
	}
	return b.NotBeforeUnixNanos
}

// Waits is until when a node must not look at the topic: another one does, or the newest look has failed.
func (b *Baseline) Waits(who partition.NodeID) int64 { return b.waits(who) }

// afterFailure is how long everybody waits after as many failures in a row: a minute, two, and so on up to an hour.
func afterFailure(failures uint32) int64 {
	return min(int64(60e9)<<min(failures-1, 6), hourNanos)
}
