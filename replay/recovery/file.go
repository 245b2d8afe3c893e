package recovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"backstitch/storage/failpoint"
)

// A plan file is {"sha256": HEX, "plan": {...}}. The hash is over the plan without blanks, so that a file may be indented, and
// no value in it changed. Keys in another order count as changed: nobody reorders them by accident.

type planFile struct {
	SHA256 string          `json:"sha256"`
	Plan   json.RawMessage `json:"plan"`
}

// maxPlanBytes bounds what ReadFile reads.
const maxPlanBytes = 1 << 30

// WriteFile writes p to path, whole or not at all. It replaces an older plan and refuses to replace anything else.
func (p *Plan) WriteFile(path string) error {
	if err := replaceable(path); err != nil {
		return err
	}
	text, err := p.Encode()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it is gone after the rename
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Sync(), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		failpoint.Reach(failpoint.PlanWritten)
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	return nil
}

// replaceable refuses a file that holds something else than a plan: -o with the name of the spec would destroy it.
func replaceable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	head := make([]byte, len(planHead))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	if !info.Mode().IsRegular() || (info.Size() > 0 && string(head[:n]) != planHead) {
		return &Error{Code: CodeOverwrite, Title: path + " exists and is not a plan", Why: "Saving the plan there would destroy it.",
			Hint: "name another file: -o FILE.plan", Exit: exitFailed}
	}
	return nil
}

// planHead is how every plan file begins.
const planHead = "{\n \"sha256\": "

// Encode returns the bytes of a plan file.
func (p *Plan) Encode() ([]byte, error) {
	text, err := p.canonical()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%q,\n \"plan\": ", planHead, hex.EncodeToString(sum[:]))
	if err := json.Indent(&b, text, " ", " "); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// ReadFile reads a plan file and refuses one that was changed since it was written. cluster is the id of the backstitch cluster
// that it is for; "" when that is not known yet.
func ReadFile(path, cluster string) (*Plan, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxPlanBytes {
		err = fmt.Errorf("%s has %d bytes, a plan has at most %d", path, info.Size(), maxPlanBytes)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
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
	bad := func(err error) error {
		e := &Error{Code: CodeNotPlan, Title: name + " is not a plan", Why: err.Error(), Hint: again, Exit: exitUsage, Err: err}
		if !json.Valid(text) {
			// Saving a plan under this name would overwrite what is most likely the spec.
			e.Hint = "if it is a spec: backstitch run -f " + name
		}
		return e
	}
	var file planFile
	if err := strict(text, &file); err != nil {
		return nil, bad(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, file.Plan); err != nil {
		return nil, bad(err)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(file.Plan, &version); err != nil || version.Version < 1 {
		return nil, bad(errors.New("it has no version"))
	}
	if version.Version > PlanVersion {
		return nil, &Error{Code: CodeNewer, Title: "a newer backstitch wrote " + name, Exit: exitUsage,
			Why: fmt.Sprintf("The plan has version %d, this program knows %d.", version.Version, PlanVersion), Hint: "use the program that made the plan"}
	}
	sum := sha256.Sum256(compact.Bytes())
	if got := hex.EncodeToString(sum[:]); got != file.SHA256 {
		return nil, &Error{Code: CodeEdited, Title: name + " was changed after it was written", Exit: exitUsage,
			Why:  fmt.Sprintf("Its contents have SHA-256 %s, it says %.64s. A plan is run exactly as it was read and approved, or not at all.", got, file.SHA256),
			Hint: again}
	}
	var p Plan
	if err := strict(file.Plan, &p); err != nil {
		return nil, bad(err)
	}
	if p.Spec == nil || p.Spec.Spec.Schedule == nil || p.Spec.Spec.Schedule.Priority == nil {
		return nil, bad(errors.New("it holds no whole spec"))
	}
	if cluster != "" && p.Cluster != "" && cluster != p.Cluster {
		return nil, &Error{Code: CodeCluster, Title: name + " was made for another cluster", Exit: exitConflict,
			Why:  fmt.Sprintf("The plan is for cluster %s, this is %s.", p.Cluster, cluster),
			Hint: "name the other cluster with --addr, or make a plan for this one: " + again}
	}
	return &p, nil
}

// strict decodes exactly one JSON value without unknown keys.
func strict(text []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("there is more behind it")
	}
	return nil
}
