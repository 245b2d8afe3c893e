package report

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A report is sealed in parts, so that a change can be told by its place: each comparison has a hash, and so have the timeline and
// everything else. The list of hashes, with the key that signs, is the statement. Its hash is that of the report, and it is what is signed.

// Signer signs for a cluster. It keeps the private key to itself.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(message []byte) []byte
}

// File is a report with its seal.
type File struct {
	Report *Report
	// Key is the ed25519 key that signed, nil when nobody did; NotSigned then says why.
	Key       ed25519.PublicKey
	NotSigned string
	Signature []byte
	Sum       [32]byte // SHA-256 of the statement

	text []byte // the file
}

const (
	formatName = "backstitch-report"
	algorithm  = "ed25519"
	// signedPrefix keeps a signature of a report from being one of anything else.
	signedPrefix = "backstitch report v1\n"
)

type statement struct {
	Format  string `json:"format"`
	Hashes  hashes `json:"hashes"`
	Signer  signer `json:"signer"`
	Version int    `json:"version"`
}

type hashes struct {
	Comparisons []string `json:"comparisons"`
	Head        string   `json:"head"` // all of the report but comparisons and timeline
	Timeline    string   `json:"timeline"`
}

type signer struct {
	Algorithm string `json:"algorithm,omitempty"`
	Key       string `json:"key,omitempty"`
	None      string `json:"none,omitempty"` // why nobody signed
}

// Seal hashes and signs a report. Without a signer it says why there is none.
func (r *Report) Seal(by Signer, why string) (*File, error) {
	f := &File{Report: r, NotSigned: why}
	if by != nil {
		f.Key, f.NotSigned = by.Public(), ""
	}
	said, err := f.statement()
	if err != nil {
		return nil, err
	}
	f.Sum = sha256.Sum256(said)
	if by != nil {
		f.Signature = by.Sign(append([]byte(signedPrefix), said...))
	}
	f.text, err = f.encode(said)
	return f, err
}

func (f *File) encode(said []byte) ([]byte, error) {
	body, err := canonical(f.Report)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"report":%s,"sha256":"%x","signature":"%x","statement":%s}`+"\n", body, f.Sum, f.Signature, said), nil
}

// JSON is the file's canonical text.
func (f *File) JSON() []byte { return f.text }

func (f *File) statement() ([]byte, error) {
	s := statement{Format: formatName, Version: f.Report.Version, Hashes: hashes{Comparisons: []string{}}, Signer: signer{None: f.NotSigned}}
	if f.Key != nil {
		s.Signer = signer{Algorithm: algorithm, Key: hex.EncodeToString(f.Key)}
	}
	head := *f.Report
	head.Comparisons, head.Timeline = nil, nil
	var err error
	if s.Hashes.Head, err = hashOf(head); err != nil {
		return nil, err
	}
	if s.Hashes.Timeline, err = hashOf(append([]Event{}, f.Report.Timeline...)); err != nil {
		return nil, err
	}
	for i := range f.Report.Comparisons {
		h, err := hashOf(f.Report.Comparisons[i])
		if err != nil {
			return nil, err
		}
		s.Hashes.Comparisons = append(s.Hashes.Comparisons, h)
	}
	return canonical(s)
}

func hashOf(v any) (string, error) {
	text, err := canonical(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// signed reports whether the signature is one of the statement by the key that it names.
func (f *File) signed(said []byte) bool {
	return len(f.Key) == ed25519.PublicKeySize && ed25519.Verify(f.Key, append([]byte(signedPrefix), said...), f.Signature)
}

// SignedBy reports whether the report was signed, and by this key.
func (f *File) SignedBy(key ed25519.PublicKey) bool { return f.Key != nil && f.Key.Equal(key) }

// Fingerprint is how people call a key: the first eight hexadecimal digits.
func Fingerprint(key ed25519.PublicKey) string { return hex.EncodeToString(key)[:8] }
