package watch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition/calendar"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/sentinel/anomaly"
	"backstitch/replay/sentinel/baseline"
	"backstitch/replay/spec"
)

// recipeVersion is raised when a Recipe means something else.
const recipeVersion = 1

// Recipe is fsm.WatchedTopic.Recipe: where the topic is, and what of it is counted.
type Recipe struct {
	Version     int      `json:"version"`
	Connection  string   `json:"connection,omitempty"`
	Brokers     string   `json:"brokers,omitempty"`
	Topic       string   `json:"topic"`
	Source      string   `json:"source,omitempty"` // path to who sent a record
	Nulls       []string `json:"nulls,omitempty"`
	Sensitivity string   `json:"sensitivity"`
	Zone        string   `json:"zone"`
	LateMs      int64    `json:"lateMs"`
	GraceMs     int64    `json:"graceMs"`
}

// ErrRecipe says that a recipe can not be followed by this program.
var ErrRecipe = errors.New("what is to be counted can not be followed")

// Topics are those of a dataset's targets that are counted, nil where the dataset asks for none. d has its defaults.
func Topics(d *spec.Dataset) ([]fsm.WatchedTopic, error) {
	w := d.Spec.Anomalies
	if w == nil {
		return nil, nil
	}
	late, err := w.Late.Parse()
	if err != nil {
		return nil, err
	}
	grace, err := w.Grace.Parse()
	if err != nil {
		return nil, err
	}
	most, err := w.State.Parse()
	if err != nil {
		return nil, err
	}
	rate, err := w.Rate.Parse()
	if err != nil {
		return nil, err
	}
	var out []fsm.WatchedTopic
	for i, t := range d.Spec.Targets {
		if t.Kafka == nil {
			continue
		}
		text, err := json.Marshal(Recipe{
			Version: recipeVersion, Connection: t.Kafka.Connection, Brokers: t.Kafka.Brokers, Topic: t.Kafka.Topic, Source: w.Source, Nulls: w.Nulls,
			Sensitivity: w.Sensitivity, Zone: w.Zone, LateMs: late.Milliseconds(), GraceMs: grace.Milliseconds(),
		})
		if err != nil {
			return nil, fmt.Errorf("encode what is counted of %s: %w", t.Kafka.Topic, err)
		}
		out = append(out, fsm.WatchedTopic{Target: uint32(i), Topic: t.Kafka.Topic, Recipe: text, RateBytes: rate, MaxBytes: uint32(most)})
	}
	return out, nil
}

func parse(text []byte) (*Recipe, error) {
	var r Recipe
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	if r.Version != recipeVersion {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrRecipe, r.Version, recipeVersion)
	}
	return &r, nil
}

var evidence = map[string]float64{"low": baseline.EvidenceLow, "normal": baseline.EvidenceNormal, "high": baseline.EvidenceHigh}

// input is what the recipe says of a look, within so many bytes of state.
func (r *Recipe) input(most int) (anomaly.Input, error) {
	in := anomaly.Input{
		Topic: r.Topic, Once: true, Judge: judgeHours, Hours: anomaly.MaxHours, Evidence: evidence[r.Sensitivity],
		Late: time.Duration(r.LateMs) * time.Millisecond, Grace: time.Duration(r.GraceMs) * time.Millisecond,
	}
	if in.Evidence == 0 {
		return in, fmt.Errorf("%w: sensitivity %q", ErrRecipe, r.Sensitivity)
	}
	var err error
	if in.Zone, err = calendar.Zone(r.Zone); err != nil {
		return in, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	if r.Source != "" {
		p, err := sequence.ParsePath(r.Source)
		if err != nil {
			return in, fmt.Errorf("%w: %w", ErrRecipe, err)
		}
		in.Source = &p
	}
	for _, text := range r.Nulls {
		p, err := sequence.ParsePath(text)
		if err != nil {
			return in, fmt.Errorf("%w: %w", ErrRecipe, err)
		}
		in.Nulls = append(in.Nulls, p)
	}
	bounds, err := anomaly.BoundsOf(most, len(r.Nulls), r.Source != "")
	if err != nil {
		return in, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	in.Partitions, in.Sources = bounds.Partitions, bounds.Sources
	return in, nil
}

// judgeHours is how many of the newest hours of a topic the first look at it is about. Later ones are about what is new.
const judgeHours = 24
