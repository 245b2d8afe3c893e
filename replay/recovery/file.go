package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"backstitch/replay/hashfile"
	"backstitch/replay/spec"
	"backstitch/storage/failpoint"
)

// planForm is what a plan file looks like. Its hash, over the plan without blanks, is the plan's name.
var planForm = hashfile.Form{Member: "plan", Version: PlanVersion, MaxBytes: 1 << 30}

// WriteFile writes p to path, whole or not at all. It replaces an older plan and refuses to replace anything else: -o with the name of
// the spec would destroy it.
func (p *Plan) WriteFile(path string) error {
	switch ok, err := planForm.Replaceable(path); {
	case err != nil:
		return fmt.Errorf("write plan %s: %w", path, err)
	case !ok:
		return &Error{Code: CodeOverwrite, Title: path + " exists and is not a plan", Why: "Saving the plan there would destroy it.",
			Hint: "name another file: -o FILE.plan", Exit: exitFailed}
	}
	text, err := p.Encode()
	if err != nil {
		return err
	}
	if err := hashfile.Write(path, text, func() { failpoint.Reach(failpoint.PlanWritten) }); err != nil {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	return nil
}

// Encode returns the bytes of a plan file.
func (p *Plan) Encode() ([]byte, error) {
	doc, err := p.canonical()
	if err != nil {
		return nil, err
	}
	text, _, err := planForm.Encode(doc)
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return text, nil
}

// ReadFile reads a plan file and refuses one that was changed since it was written. cluster is the id of the backstitch cluster
// that it is for; "" when that is not known yet.
func ReadFile(path, cluster string) (*Plan, error) {
	text, err := planForm.Read(path)
	if err != nil {
		e := &Error{Code: CodeNotPlan, Title: "the plan " + path + " can not be read", Why: err.Error(), Exit: exitFailed,
			Hint: "backstitch plan -f SPEC -o " + path, Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			e.Exit = exitNotFound
		}
		return nil, e
	}
	return Decode(path, text, cluster)
}

// Decode reads the bytes of a plan file; name is how errors call it.
func Decode(name string, text []byte, cluster string) (*Plan, error) {
	again := "backstitch plan -f SPEC -o " + name
	var p Plan
	_, err := planForm.Decode(text, &p)
	if err == nil && !whole(p.Spec) {
		err = errors.New("it holds no whole spec")
	}
	var newer *hashfile.NewerError
	var edited *hashfile.EditedError
	switch {
	case err == nil:
	case errors.As(err, &newer):
		return nil, &Error{Code: CodeNewer, Title: "a newer backstitch wrote " + name, Exit: exitUsage, Err: err,
			Why: fmt.Sprintf("The plan has version %d, this program knows %d.", newer.Version, newer.Known), Hint: "use the program that made the plan"}
	case errors.As(err, &edited):
		return nil, &Error{Code: CodeEdited, Title: name + " was changed after it was written", Exit: exitUsage, Hint: again, Err: err,
			Why: fmt.Sprintf("Its contents have SHA-256 %s, it says %.64s. A plan is run exactly as it was read and approved, or not at all.",
				edited.Got, edited.Said)}
	default:
		e := &Error{Code: CodeNotPlan, Title: name + " is not a plan", Why: err.Error(), Hint: again, Exit: exitUsage, Err: err}
		if !json.Valid(text) {
			// Saving a plan under this name would overwrite what is most likely the spec.
			e.Hint = "if it is a spec: backstitch run -f " + name
		}
		return nil, e
	}
	if cluster != "" && p.Cluster != "" && cluster != p.Cluster {
		return nil, &Error{Code: CodeCluster, Title: name + " was made for another cluster", Exit: exitConflict,
			Why:  fmt.Sprintf("The plan is for cluster %s, this is %s.", p.Cluster, cluster),
			Hint: "name the other cluster with --addr, or make a plan for this one: " + again}
	}
	return &p, nil
}

// whole reports whether r has what spec.Recovery.WithDefaults writes out. A plan that somebody else made need not, whatever its hash says.
func whole(r *spec.Recovery) bool {
	if r == nil || r.Spec.Select == nil || r.Spec.Write == nil || r.Spec.Slices == nil || r.Spec.Schedule == nil || r.Spec.Schedule.Priority == nil {
		return false
	}
	priority := *r.Spec.Schedule.Priority
	return priority >= 0 && priority <= 100
}
