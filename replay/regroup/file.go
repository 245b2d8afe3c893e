package regroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"backstitch/replay/hashfile"
)

// kind is one of the files that are kept: a plan or a receipt.
type kind struct {
	form  hashfile.Form
	title string // for people
	again string // what makes another one
}

// maxFileBytes bounds what is read.
const maxFileBytes = 64 << 20

var (
	planKind = kind{
		hashfile.Form{Member: "groupsPlan", Version: PlanVersion, MaxBytes: maxFileBytes},
		"a plan for a consumer group", "backstitch groups plan GROUP --from TOPIC --to TOPIC --kafka HOST:9092 -o FILE",
	}
	receiptKind = kind{
		hashfile.Form{Member: "groupsReceipt", Version: ReceiptVersion, MaxBytes: maxFileBytes},
		"a receipt of a move of a consumer group", "backstitch groups apply FILE",
	}
)

// read reads a file into doc and returns the hash of its document. It refuses one that was changed.
func (k kind) read(path string, doc any) (hash string, err error) {
	text, err := k.form.Read(path)
	if err != nil {
		e := &Error{Code: CodeNotFile, Title: path + " can not be read", Why: err.Error(), Hint: k.again, Exit: exitFailed, Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			e.Exit = exitNotFound
		}
		return "", e
	}
	return k.decode(path, text, doc)
}

func (k kind) decode(path string, text []byte, doc any) (hash string, err error) {
	hash, err = k.form.Decode(text, doc)
	var newer *hashfile.NewerError
	var edited *hashfile.EditedError
	switch {
	case err == nil:
		return hash, nil
	case errors.As(err, &newer):
		return "", &Error{Code: CodeNewer, Title: "a newer backstitch wrote " + path, Exit: exitUsage, Err: err,
			Why: fmt.Sprintf("It has version %d, this program knows %d.", newer.Version, newer.Known), Hint: "use the program that wrote it"}
	case errors.As(err, &edited):
		return "", &Error{Code: CodeEdited, Title: path + " was changed after it was written", Exit: exitUsage, Hint: k.again, Err: err,
			Why: fmt.Sprintf("Its contents have SHA-256 %s, it says %.64s. What it says is done exactly, or not at all.", edited.Got, edited.Said)}
	}
	return "", &Error{Code: CodeNotFile, Title: path + " is not " + k.title, Why: err.Error(), Hint: k.again, Exit: exitUsage, Err: err}
}

// write puts the file of a document in its place, whole or not at all, and returns the document's hash.
func (k kind) write(path string, doc any) (hash string, err error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", k.title, err)
	}
	text, hash, err := k.form.Encode(body)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", k.title, err)
	}
	if err := hashfile.Write(path, text, nil); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	return hash, nil
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
	switch ok, err := planKind.form.Replaceable(path); {
	case err != nil:
		return "", fmt.Errorf("write %s: %w", path, err)
	case !ok:
		return "", planKind.overwrites(path, "Saving the plan there would destroy it.")
	}
	return planKind.write(path, p)
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
