// Package scan is what a cluster's scan does on a node: survey what there is to compare, compare one partition, and make a plan of what was
// found. It also makes a report of what was kept of a scan.
//
// Invariants:
//   - Nothing is written anywhere but into the book, by whoever calls.
//   - A report that is joined from the book shows what a scan from one process shows: the same findings with the same ids.
//   - All readers of one scan on one node share its rate.
//
// What is not here: who scans which partition (cluster/leader, replay/worker), how two sides are compared (replay/gap), how a report is
// joined (gap.Join).
//
// Reading order: scan.go, scanner.go, planner.go.
package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// recipe is fsm.ScanOrder.Recipe.
type recipe struct {
	Version int             `json:"version"` // what needs says
	Spec    json.RawMessage `json:"spec"`
	// Schemas is what is expected of schemas that no scan before has met; nil when nothing is.
	Schemas *spec.SchemaWatch `json:"schemas,omitempty"`
}

// Versions of a recipe: a program that knows the first alone would read past what is expected of schemas.
const (
	recipeVersion = 1
	watchVersion  = 2
)

func (r *recipe) needs() int {
	if r.Schemas != nil {
		return watchVersion
	}
	return recipeVersion
}

// ErrRecipe says that a scan's recipe can not be followed by this program.
var ErrRecipe = errors.New("recipe of the scan can not be followed")

// Order makes the order to scan what r names. The caller adds rate, priority and what else is not of the data.
func Order(r *spec.Recovery) (fsm.ScanOrder, error) { return Watched(r, nil) }

// Watched is Order with what is expected of schemas that no scan before has met; nil expects nothing.
func Watched(r *spec.Recovery, schemas *spec.SchemaWatch) (fsm.ScanOrder, error) {
	if err := recovery.ForAgents(r); err != nil {
		return fsm.ScanOrder{}, err
	}
	pair, err := recovery.Pair(r)
	if err != nil {
		return fsm.ScanOrder{}, err
	}
	text, err := json.Marshal(r)
	if err == nil {
		out := recipe{Spec: text, Schemas: schemas}
		out.Version = out.needs()
		text, err = json.Marshal(out)
	}
	if err != nil {
		return fsm.ScanOrder{}, fmt.Errorf("encode the recipe of a scan: %w", err)
	}
	return fsm.ScanOrder{
		Name: r.Metadata.Name, Namespace: r.WithDefaults().Metadata.Namespace, Pair: pair, Recipe: text, Whole: recovery.Everything(r),
	}, nil
}

// Spec reads the recipe that Order wrote.
func Spec(text []byte) (*spec.Recovery, error) {
	out, _, err := read(text)
	return out, err
}

func read(text []byte) (*spec.Recovery, *spec.SchemaWatch, error) {
	var r recipe
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	if r.Version != r.needs() {
		return nil, nil, fmt.Errorf("it has version %d, want %d: %w", r.Version, r.needs(), ErrRecipe)
	}
	out, err := spec.Parse("recipe", r.Spec, spec.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	return out, r.Schemas, nil
}

// Report joins what is kept of a scan: its header, and the bodies of its partitions.
func Report(header []byte, bodies [][]byte) (*gap.Report, error) {
	var s recovery.Survey
	if err := json.Unmarshal(header, &s); err != nil {
		return nil, fmt.Errorf("read the header of a scan: %w", err)
	}
	parts := make([]gap.Part, 0, len(bodies))
	for _, b := range bodies {
		p, err := gap.DecodePart(b)
		if err != nil {
			return nil, err
		}
		parts = append(parts, *p)
	}
	return gap.Join(s.Header, parts)
}
