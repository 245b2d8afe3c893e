package fsm

import (
	"fmt"
	"strings"
)

// Which topics of a dataset are counted by the hour, and what these hours usually have. A node counts, and says what it has learned; what was
// learned is a fact, so that any node can go on with it. The book does not judge: it sees to it that an hour is learned once, that what is
// unusual is told once, and that all of it has a bound.

// Watch is what a dataset wants to be counted. One that has none has no Watch.
type Watch struct {
	Dataset DatasetName
	Topics  []WatchedTopic // by Target
	// Scan says that what begins to be unusual starts a scan of its target.
	Scan bool
}

// WatchedTopic is one target that is a topic.
type WatchedTopic struct {
	Target uint32 // its place in Dataset.Targets
	Topic  string // as people call it
	// Recipe is what who counts needs: the canonical JSON of replay/sentinel/watch.Recipe. The book does not read it.
	Recipe    []byte
	RateBytes int64 // read per second, 0 for no limit
	// MaxBytes bounds what is kept of what was learned.
	MaxBytes uint32
}

const (
	// MinStateBytes and MaxStateBytes are what WatchedTopic.MaxBytes may be.
	MinStateBytes = 64 << 10
	MaxStateBytes = 1 << 20
	// MaxAnomalies is how many one topic may have at a time; KeptAnomalies how many that are over are kept of it.
	MaxAnomalies  = 64
	KeptAnomalies = 32
	// MaxClaim is for how long a node may say at once that it counts.
	MaxClaim = 15 * 60 * 1e9 // nanoseconds

	maxWatchRecipe  = 64 << 10
	maxAnomalyText  = 1024
	maxBaselineNote = 512
	maxNotes        = 16
	hourNanos       = int64(3600 * 1e9)
)

// invalid says what contradicts itself.
func (w Watch) invalid(d Dataset) string {
	if len(w.Topics) == 0 || len(w.Topics) > len(d.Targets) {
		return fmt.Sprintf("%d topics of %d targets are counted", len(w.Topics), len(d.Targets))
	}
	for i, x := range w.Topics {
		switch {
		case int(x.Target) >= len(d.Targets) || i > 0 && x.Target <= w.Topics[i-1].Target:
			return fmt.Sprintf("target %d is counted, which there is not, or out of order", x.Target+1)
		case x.Topic == "" || len(x.Topic) > maxURLBytes || len(x.Recipe) == 0 || len(x.Recipe) > maxWatchRecipe:
			return fmt.Sprintf("target %d is counted by %d bytes of recipe, or has no name", x.Target+1, len(x.Recipe))
		case x.RateBytes < 0 || x.MaxBytes < MinStateBytes || x.MaxBytes > MaxStateBytes:
			return fmt.Sprintf("what is learned of target %d has %d bytes, want %d to %d, or a negative rate", x.Target+1, x.MaxBytes, MinStateBytes, MaxStateBytes)
		}
	}
	if w.Scan && len(d.Orders) == 0 {
		return "what is unusual starts a scan, and there is none to start"
	}
	return ""
}

func (w Watch) of(target uint32) (WatchedTopic, bool) {
	for _, x := range w.Topics {
		if x.Target == target {
			return x, true
		}
	}
	return WatchedTopic{}, false
}

func watchKey(n DatasetName) []byte { return key(kindWatch, []byte(n)) }

func (t *tx) watch(n DatasetName) (w Watch, ok bool) {
	ok = t.read(watchKey(n), &w)
	return w, ok
}

// putWatch writes what is counted, nil for nothing, and forgets what was learned of what is counted no more.
func (t *tx) putWatch(n DatasetName, w *Watch) {
	wanted := Watch{Dataset: n}
	if w != nil {
		wanted = *w
	}
	for _, k := range t.keys(key(kindBaseline, ended(n))) {
		var b Baseline
		t.read(k, &b)
		if x, ok := wanted.of(b.Target); !ok || x.Topic != b.Topic {
			t.remove(k)
			if t.read(learnedKey(n, b.Target), new(learned)) {
				t.remove(learnedKey(n, b.Target))
			}
		}
	}
	switch {
	case w != nil:
		t.write(watchKey(n), w)
	case t.read(watchKey(n), new(Watch)):
		t.remove(watchKey(n))
	}
}

// sameWatch reports whether a dataset is counted as w says, nil for not at all.
func (t *tx) sameWatch(n DatasetName, w *Watch) bool {
	have, ok := t.watch(n)
	if w == nil || !ok {
		return w == nil && !ok
	}
	return t.hash(&have) == t.hash(w)
}

// Watch returns what is counted of a dataset; ok is false when nothing is.
func (v *View) Watch(n DatasetName) (w Watch, ok bool, err error) {
	ok, err = v.read(watchKey(n), &w)
	return w, ok, err
}

// Watches returns what is counted of all datasets, by name.
func (v *View) Watches() ([]Watch, error) {
	var out []Watch
	for w, err := range each[Watch](v, key(kindWatch), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// Duty is a topic that is counted, and how far it is.
type Duty struct {
	Dataset  DatasetName
	Topic    WatchedTopic
	Baseline Baseline
}

// Duties returns all topics that are counted, by dataset and target.
func (v *View) Duties() ([]Duty, error) {
	all, err := v.Watches()
	if err != nil {
		return nil, err
	}
	var out []Duty
	for _, w := range all {
		for _, x := range w.Topics {
			b, ok, err := v.Baseline(w.Dataset, x.Target)
			if err != nil {
				return nil, err
			}
			if !ok {
				b = Baseline{Dataset: w.Dataset, Target: x.Target, Topic: x.Topic}
			}
			out = append(out, Duty{Dataset: w.Dataset, Topic: x, Baseline: b})
		}
	}
	return out, nil
}

// texts says which of some texts is too long, or holds a zero byte.
func texts(most int, all ...string) string {
	for _, s := range all {
		if len(s) > most || strings.ContainsRune(s, 0) {
			return fmt.Sprintf("a text of %d bytes, at most %d are kept, without a zero byte", len(s), most)
		}
	}
	return ""
}
