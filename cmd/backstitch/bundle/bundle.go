package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// MaxEntry bounds one entry, in bytes. What is longer is cut, and the manifest says so.
const MaxEntry = 16 << 20

// version is that of the manifest.
const version = 1

// Manifest says what is in a bundle, and what is not.
type Manifest struct {
	Version  int       `json:"backstitchDebug"`
	MadeAt   time.Time `json:"madeAt"`
	MadeBy   string    `json:"madeBy"` // version of the program
	Redacted bool      `json:"redacted"`
	Entries  []Entry   `json:"entries"`
}

// Entry is one text, or one that could not be had.
type Entry struct {
	Name   string `json:"name"`
	From   string `json:"from,omitempty"` // what was asked, e.g. "GET /v1/jobs of node-a"
	Bytes  int    `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Out    int    `json:"takenOut,omitempty"` // places
	Cut    bool   `json:"cut,omitempty"`      // it was longer than MaxEntry
	Failed string `json:"failed,omitempty"`   // why it is not here
}

// Writer writes one bundle. It is for one goroutine.
type Writer struct {
	manifest Manifest
	zip      *zstd.Encoder
	tar      *tar.Writer
	clean    func(string) (string, int) // of errors, which may quote what they were about
	most     int                        // bytes of one entry
}

// New begins a bundle in w. readme is its first entry.
func New(w io.Writer, now time.Time, program, readme string, redact bool) (*Writer, error) {
	zip, err := zstd.NewWriter(w)
	if err != nil {
		return nil, fmt.Errorf("begin a bundle: %w", err)
	}
	b := &Writer{manifest: Manifest{Version: version, MadeAt: now.UTC(), MadeBy: program, Redacted: redact}, zip: zip, tar: tar.NewWriter(zip), clean: Text, most: MaxEntry}
	if !redact {
		b.clean = func(s string) (string, int) { return s, 0 }
	}
	return b, b.write("README.txt", []byte(readme))
}

// Add puts a text in. JSON is written with two spaces, and other text as it is; both without what opens doors.
func (b *Writer) Add(name, from string, body []byte) error {
	e := Entry{Name: name, From: from}
	if len(body) > b.most {
		body, e.Cut = body[:b.most], true
	}
	if b.manifest.Redacted {
		body, e.Out = Redact(body)
	}
	sum := sha256.Sum256(body)
	e.Bytes, e.SHA256 = len(body), hex.EncodeToString(sum[:])
	b.manifest.Entries = append(b.manifest.Entries, e)
	return b.write(name, body)
}

// Missing notes what could not be had.
func (b *Writer) Missing(name, from string, why error) {
	text, _ := b.clean(why.Error())
	b.manifest.Entries = append(b.manifest.Entries, Entry{Name: name, From: from, Failed: text})
}

// Close writes the manifest and ends the bundle. It does not close what the bundle is written into.
func (b *Writer) Close() (Manifest, error) {
	body, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return Manifest{}, err
	}
	if err := b.write("manifest.json", append(body, '\n')); err != nil {
		return Manifest{}, err
	}
	if err := b.tar.Close(); err != nil {
		return Manifest{}, fmt.Errorf("end a bundle: %w", err)
	}
	if err := b.zip.Close(); err != nil {
		return Manifest{}, fmt.Errorf("end a bundle: %w", err)
	}
	return b.manifest, nil
}

func (b *Writer) write(name string, body []byte) error {
	head := &tar.Header{Name: "backstitch-debug/" + name, Mode: 0o600, Size: int64(len(body)), ModTime: b.manifest.MadeAt, Format: tar.FormatPAX}
	if err := b.tar.WriteHeader(head); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := b.tar.Write(body); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
