package report

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"backstitch/replay/gap"
	"backstitch/replay/hashfile"
)

// Reading a file: first is it canonical, then does every part have the hash that the statement has, then do verdict and evidence
// follow from the numbers. Each refusal names the place. FORMATS.md has the bytes.

// Codes of errors. They are stable.
const (
	CodeNotReport = "BST-E1140" // the file is not a report
	CodeEdited    = "BST-E1141" // it was changed after it was made
	CodeDisagrees = "BST-E1142" // its verdict is not what its numbers say
	CodeSigner    = "BST-E1143" // it is not signed by the key that was asked for
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
func (e *Error) Next() string {
	return "backstitch report export JOB FILE.json     gets it again from the cluster"
}

// ReadFile reads a report file, JSON or HTML, and checks it as Decode does.
func ReadFile(path string) (*File, error) {
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
func Decode(name string, text []byte) (*File, error) {
	if bytes.HasPrefix(text, []byte(htmlPrefix)) {
		return decodeHTML(name, text)
	}
	return decodeJSON(name, text)
}

func edited(name, place string) error {
	return &Error{Code: CodeEdited, Title: name + " was changed after it was made", Why: "Changed: " + place + ".", Exit: 4}
}

func decodeJSON(name string, text []byte) (*File, error) {
	bad := func(err error) error {
		return &Error{Code: CodeNotReport, Title: name + " is not a report", Why: err.Error(), Exit: 2, Err: err}
	}
	if !looksLikeOne(text) {
		return nil, bad(errors.New("it does not begin or end as one"))
	}
	root, err := scan(text[:len(text)-1])
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return nil, edited(name, syntax.Error())
	}
	f := &File{text: text}
	said, err := f.take(text, root)
	if err != nil {
		return nil, edited(name, err.Error())
	}
	if place, err := f.tampered(said); err != nil {
		return nil, bad(err)
	} else if place == "" {
		place, err = f.odd(said, root)
		if err != nil {
			return nil, bad(err)
		}
		if place != "" {
			return nil, edited(name, place)
		}
	} else {
		return nil, edited(name, place)
	}
	if err := f.Report.Check(); err != nil {
		return nil, &Error{Code: CodeDisagrees, Title: name + " contradicts itself", Why: err.Error(), Exit: 4, Err: err}
	}
	return f, nil
}

const (
	fileBegin = `{"report":{`
	fileEnd   = "}}\n"
)

// looksLikeOne tells a report that was changed from a file of another kind: either end may have been touched, not both.
func looksLikeOne(text []byte) bool {
	return len(text) > len(fileBegin) && (bytes.HasPrefix(text, []byte(fileBegin)) || bytes.HasSuffix(text, []byte(fileEnd)))
}

// sealed is what a file holds around its report.
type sealed struct {
	said   []byte // the statement's text
	stated statement
	sum    string
}

// take decodes the parts of a canonical text.
func (f *File) take(text []byte, root *member) (*sealed, error) {
	out := &sealed{}
	for _, p := range root.parts {
		raw := text[p.from:p.to]
		var err error
		switch p.name {
		case "report":
			f.Report = &Report{}
			err = hashfile.Strict(raw, f.Report)
		case "sha256":
			err = hashfile.Strict(raw, &out.sum)
		case "signature":
			var sig string
			if err = hashfile.Strict(raw, &sig); err == nil {
				f.Signature, err = hex.DecodeString(sig)
			}
		case "statement":
			out.said = raw
			err = hashfile.Strict(raw, &out.stated)
		default:
			err = errors.New("a report has no such member")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if len(root.parts) != 4 {
		return nil, errors.New("one of report, sha256, signature and statement is not there")
	}
	switch st := out.stated; {
	case st.Format != formatName:
		return nil, fmt.Errorf("statement.format: it is %q", st.Format)
	case st.Version != Version1 && st.Version != Version2:
		return nil, fmt.Errorf("statement.version: it is %d, this program knows %d and %d", st.Version, Version1, Version2)
	case f.Report.Version != st.Version:
		return nil, fmt.Errorf("report.version: it is %d, that of the statement %d", f.Report.Version, st.Version)
	case st.Version == Version1 && (len(f.Report.Decisions) > 0 || len(f.Report.Commands) > 0 || f.Report.Runbook != ""):
		return nil, errors.New("report: one of decisions, commands and runbook, which version 1 does not have")
	case st.Signer.None != "":
		f.NotSigned = st.Signer.None
	default:
		key, err := hex.DecodeString(st.Signer.Key)
		if err != nil || len(key) != ed25519.PublicKeySize || st.Signer.Algorithm != algorithm {
			return nil, errors.New("statement.signer: no key of ed25519")
		}
		f.Key = key
	}
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the end of the last line")
	}
	return out, nil
}

// tampered returns the place at which content and seal part, "" when nowhere.
func (f *File) tampered(s *sealed) (string, error) {
	f.Sum = sha256.Sum256(s.said)
	// The whole is made again from what was read: what does not come out as it went in was not in the report.
	again, err := f.statement()
	if err != nil {
		return "", err
	}
	var want statement
	if err := json.Unmarshal(again, &want); err != nil {
		return "", err
	}
	parts := f.differing(want.Hashes, s.stated.Hashes)
	switch sum := hex.EncodeToString(f.Sum[:]); {
	case f.Key != nil && !f.signed(s.said):
		switch {
		case parts != "":
			return parts + ", or its hash in the statement; the signature is not one of this statement", nil
		case sum != s.sum:
			return "the statement or its signature, and sha256", nil
		}
		return "the signature, or the key in statement.signer", nil
	case f.Key == nil && len(f.Signature) > 0:
		return "the signature: the statement says that there is none", nil
	case parts != "" && sum == s.sum:
		return parts, nil
	case parts != "":
		return parts + ", or its hash in the statement", nil
	case sum != s.sum:
		return "sha256, or the statement", nil
	}
	return "", nil
}

// odd makes the whole file again from what was read of it, and returns the place at which it does not come out as it went in: a name
// in capitals, a hexadecimal digit in another case.
func (f *File) odd(s *sealed, root *member) (string, error) {
	again, err := f.encode(s.said)
	if err != nil || bytes.Equal(again, f.text) {
		return "", err
	}
	at := 0
	for at < len(again) && at < len(f.text) && again[at] == f.text[at] {
		at++
	}
	return fmt.Sprintf("byte %d, in %s", at, root.path(at)), nil
}

// differing names the parts of which the hash is not the stated one.
func (f *File) differing(got, stated hashes) string {
	switch {
	case len(got.Comparisons) != len(stated.Comparisons):
		return fmt.Sprintf("report.comparisons: there are %d, and hashes of %d", len(got.Comparisons), len(stated.Comparisons))
	case got.Head != stated.Head:
		return "report, outside comparisons and timeline"
	case got.Timeline != stated.Timeline:
		return "report.timeline"
	}
	for i := range got.Comparisons {
		if got.Comparisons[i] != stated.Comparisons[i] {
			return fmt.Sprintf("report.comparisons.%d (%s)", i, gap.Name(f.Report.Dataset, f.Report.Comparisons[i].Partition))
		}
	}
	return ""
}
