// Package hashfile is the form of the files that a person keeps between two commands: {"sha256": HEX, MEMBER: {...}}. The hash is over the
// document without blanks, so that a file may be indented in another way, and no value in it changed. Keys in another order count as
// changed: nobody reorders them by accident. It is against accident; whoever wants to deceive writes the hash, too.
package hashfile

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
)

// Form is one kind of file.
type Form struct {
	Member   string // name of the document's member, and so of the kind
	Version  int    // newest version of the document that this program knows, at least 1; documents say theirs as "version"
	MaxBytes int64  // of a file that is read
}

// NewerError says that a newer program wrote the document.
type NewerError struct{ Version, Known int }

// Error names both versions.
func (e *NewerError) Error() string {
	return fmt.Sprintf("it has version %d, this program knows %d", e.Version, e.Known)
}

// EditedError says that the document is not the one that was written.
type EditedError struct{ Got, Said string }

// Error names both hashes.
func (e *EditedError) Error() string {
	return fmt.Sprintf("its contents have SHA-256 %s, it says %.64s", e.Got, e.Said)
}

// Encode returns the file of a document of JSON, and the hash of the document.
func (f Form) Encode(doc []byte) (text []byte, hash string, err error) {
	sum := sha256.Sum256(doc)
	hash = hex.EncodeToString(sum[:])
	var b bytes.Buffer
	b.WriteString(before + hash + f.behind())
	if err := json.Indent(&b, doc, " ", " "); err != nil {
		return nil, "", err
	}
	b.WriteString("\n}\n")
	return b.Bytes(), hash, nil
}

// before stands before the hash, at the begin of every file.
const before = "{\n \"sha256\": \""

// behind stands behind the hash, and tells the forms apart.
func (f Form) behind() string { return fmt.Sprintf("\",\n %q: ", f.Member) }

// Decode reads the document of a file into doc and returns its hash. Errors: *NewerError, *EditedError; any other says what is wrong
// with the form.
func (f Form) Decode(text []byte, doc any) (hash string, err error) {
	var members map[string]json.RawMessage
	if err := Strict(text, &members); err != nil {
		return "", err
	}
	body, ok := members[f.Member]
	if !ok || len(members) != 2 {
		return "", fmt.Errorf("it does not hold sha256 and %s, and these alone", f.Member)
	}
	var said string
	if err := json.Unmarshal(members["sha256"], &said); err != nil {
		return "", fmt.Errorf("sha256: %w", err)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Version < 1 {
		return "", errors.New("it has no version")
	}
	if head.Version > f.Version {
		return "", &NewerError{head.Version, f.Version}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return "", err
	}
	sum := sha256.Sum256(compact.Bytes())
	if hash = hex.EncodeToString(sum[:]); hash != said {
		return "", &EditedError{hash, said}
	}
	return hash, Strict(body, doc)
}

// Strict decodes exactly one JSON value without unknown keys.
func Strict(text []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF { // and not More, for which a brace too many is an end
		return errors.New("there is more behind it")
	}
	return nil
}

// Read returns the bytes of a file of at most MaxBytes.
func (f Form) Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > f.MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are read", info.Size(), f.MaxBytes)
	}
	return os.ReadFile(path)
}

// Replaceable reports whether a file of this form may be put at path: nothing is there, or an empty file, or one that begins like one of
// this form. A name that was mistyped must not destroy what it names.
func (f Form) Replaceable(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	if info.Size() == 0 {
		return true, nil
	}
	begin := make([]byte, len(before)+hex.EncodedLen(sha256.Size)+len(f.behind()))
	switch _, err := io.ReadFull(file, begin); {
	case err == io.ErrUnexpectedEOF: // it is shorter
		return false, nil
	case err != nil:
		return false, err
	}
	return bytes.HasPrefix(begin, []byte(before)) && bytes.HasSuffix(begin, []byte(f.behind())), nil
}

// Write puts a file in its place, whole or not at all. whole is called when it is durable under another name; nil for nothing.
func Write(path string, text []byte, whole func()) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it is gone after the rename
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	if whole != nil {
		whole()
	}
	return os.Rename(tmp.Name(), path)
}
