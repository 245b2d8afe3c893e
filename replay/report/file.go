package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A report file is {"sha256": HEX, "report": {...}}. The hash is over the report without blanks.

type reportFile struct {
	SHA256 string          `json:"sha256"`
	Report json.RawMessage `json:"report"`
}

// Codes of errors. They are stable.
const (
	CodeNotReport = "BST-E1140" // the file is not a report
	CodeEdited    = "BST-E1141" // it was changed after it was written
	CodeDisagrees = "BST-E1142" // its verdict is not what its numbers say
)

// maxBytes bounds what ReadFile reads.
const maxBytes = 256 << 20

// Error says what is wrong with a report file.
type Error struct {
	Code  string
	Title string
	Why   string
	Exit  int
	Err   error
}

// Error returns title and reason on lines of their own.
func (e *Error) Error() string { return e.Title + "\n" + e.Why }

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the stable code.
func (e *Error) ErrorCode() string { return e.Code }

// ExitStatus returns the status that a program ends with.
func (e *Error) ExitStatus() int { return e.Exit }

// Next says what to type.
func (e *Error) Next() string { return "backstitch report show JOB -o json > FILE" }

// Hash is the SHA-256 of the report's canonical form.
func (r *Report) Hash() ([32]byte, error) {
	text, err := r.canonical()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(text), nil
}

func (r *Report) canonical() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Encode returns the bytes of a report file.
func (r *Report) Encode() ([]byte, error) {
	text, err := r.canonical()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n \"sha256\": %q,\n \"report\": ", hex.EncodeToString(sum[:]))
	if err := json.Indent(&b, text, " ", " "); err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// ReadFile reads a report file and checks it as Decode does.
func ReadFile(path string) (*Report, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxBytes {
		err = fmt.Errorf("%s has %d bytes, a report has at most %d", path, info.Size(), maxBytes)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		e := &Error{Code: CodeNotReport, Title: "the report " + path + " can not be read", Why: err.Error(), Exit: 1, Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			e.Exit = 10
		}
		return nil, e
	}
	return Decode(path, text)
}

// Decode reads the bytes of a report file and refuses one that was changed or that contradicts itself. name is how errors call
// it.
func Decode(name string, text []byte) (*Report, error) {
	bad := func(err error) error {
		return &Error{Code: CodeNotReport, Title: name + " is not a report", Why: err.Error(), Exit: 2, Err: err}
	}
	var file reportFile
	if err := strict(text, &file); err != nil {
		return nil, bad(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, file.Report); err != nil {
		return nil, bad(err)
	}
	sum := sha256.Sum256(compact.Bytes())
	if got := hex.EncodeToString(sum[:]); got != file.SHA256 {
		return nil, &Error{Code: CodeEdited, Title: name + " was changed after it was written", Exit: 4,
			Why: fmt.Sprintf("Its contents have SHA-256 %s, it says %.64s.", got, file.SHA256)}
	}
	var r Report
	if err := strict(file.Report, &r); err != nil {
		return nil, bad(err)
	}
	if r.Version != Version {
		return nil, bad(fmt.Errorf("it has version %d, this program knows %d", r.Version, Version))
	}
	if err := r.Check(); err != nil {
		return nil, &Error{Code: CodeDisagrees, Title: name + " contradicts itself", Why: err.Error(), Exit: 4, Err: err}
	}
	return &r, nil
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
