package regroup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A plan and a receipt are files of one form: {"sha256": HEX, KIND: {...}}. The hash is over the document without blanks, so that a file
// may be indented in another way, and no value in it changed.

// kind is what a file holds, by the name of its document.
type kind struct {
	name    string // of the member
	title   string // for people
	version int
	again   string // what makes another one
}

var (
	planKind    = kind{"groupsPlan", "a plan for a consumer group", PlanVersion, "backstitch groups plan GROUP --from TOPIC --to TOPIC --kafka HOST:9092 -o FILE"}
	receiptKind = kind{"groupsReceipt", "a receipt of a move of a consumer group", ReceiptVersion, "backstitch groups apply FILE"}
)

// maxFileBytes bounds what is read.
const maxFileBytes = 64 << 20

// encode returns the file and the hash of its document.
func (k kind) encode(doc any) (text []byte, hash string, err error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", k.title, err)
	}
	sum := sha256.Sum256(body)
	hash = hex.EncodeToString(sum[:])
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%q,\n %q: ", fileHead, hash, k.name)
	if err := json.Indent(&b, body, " ", " "); err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", k.title, err)
	}
	b.WriteString("\n}\n")
	return b.Bytes(), hash, nil
}

const fileHead = "{\n \"sha256\": "

// read reads a file into doc and returns the hash of its document. It refuses one that was changed.
func (k kind) read(path string, doc any) (hash string, err error) {
	text, err := readBounded(path)
	if err != nil {
		e := &Error{Code: CodeNotFile, Title: path + " can not be read", Why: err.Error(), Hint: k.again, Exit: exitFailed, Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			e.Exit = exitNotFound
		}
		return "", e
	}
	return k.decode(path, text, doc)
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are read", info.Size(), maxFileBytes)
	}
	return os.ReadFile(path)
}

func (k kind) decode(path string, text []byte, doc any) (hash string, err error) {
	bad := func(err error) error {
		return &Error{Code: CodeNotFile, Title: path + " is not " + k.title, Why: err.Error(), Hint: k.again, Exit: exitUsage, Err: err}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return "", bad(err)
	}
	body, ok := members[k.name]
	if !ok || len(members) != 2 {
		return "", bad(fmt.Errorf("it does not hold sha256 and %s, and these alone", k.name))
	}
	var said string
	if err := json.Unmarshal(members["sha256"], &said); err != nil {
		return "", bad(fmt.Errorf("sha256: %w", err))
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Version < 1 {
		return "", bad(errors.New("it has no version"))
	}
	if head.Version > k.version {
		return "", &Error{Code: CodeNewer, Title: "a newer backstitch wrote " + path, Exit: exitUsage,
			Why: fmt.Sprintf("It has version %d, this program knows %d.", head.Version, k.version), Hint: "use the program that wrote it"}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return "", bad(err)
	}
	sum := sha256.Sum256(compact.Bytes())
	if hash = hex.EncodeToString(sum[:]); hash != said {
		return "", &Error{Code: CodeEdited, Title: path + " was changed after it was written", Exit: exitUsage,
			Why:  fmt.Sprintf("Its contents have SHA-256 %s, it says %.64s. What it says is done exactly, or not at all.", hash, said),
			Hint: k.again}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(doc); err != nil {
		return "", bad(err)
	}
	return hash, nil
}

// write puts a file in its place, whole or not at all.
func (k kind) write(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it is gone after the rename
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Sync(), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// exists reports whether there is something at path.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// overwrites refuses to write over something else.
func (k kind) overwrites(path, why string) error {
	return &Error{Code: CodeOverwrite, Title: path + " exists and is not " + k.title, Why: why, Hint: "name another file", Exit: exitFailed}
}

// WriteFile writes p to path, whole or not at all, and returns its hash. It replaces an older plan and refuses to replace anything else.
func (p *Plan) WriteFile(path string) (hash string, err error) {
	there, err := exists(path)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	if there {
		if _, err := planKind.read(path, &Plan{}); err != nil {
			return "", planKind.overwrites(path, "Saving the plan there would destroy it.")
		}
	}
	text, hash, err := planKind.encode(p)
	if err != nil {
		return "", err
	}
	return hash, planKind.write(path, text)
}

// ReadPlan reads a plan file, refuses one that was changed, and returns its hash.
func ReadPlan(path string) (*Plan, string, error) {
	p := &Plan{}
	hash, err := planKind.read(path, p)
	if err != nil {
		return nil, "", err
	}
	return p, hash, nil
}

// ReadReceipt reads a receipt and refuses one that was changed.
func ReadReceipt(path string) (*Receipt, error) {
	r := &Receipt{}
	if _, err := receiptKind.read(path, r); err != nil {
		return nil, err
	}
	return r, nil
}
