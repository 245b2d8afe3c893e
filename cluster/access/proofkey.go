package access

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// ProofFile is the usual name of the cluster's proof key.
const ProofFile = "proof.key"

// ProofKey signs reports for the cluster. It is a file that every node has, like the gossip key. The private half stays in here: it
// prints, logs and encodes as the public one.
type ProofKey struct{ private ed25519.PrivateKey }

// CreateProofKey makes a key in a new file that only its owner may read.
func CreateProofKey(path string) (*ProofKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	if err := create(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	return &ProofKey{private}, nil
}

// maxKeyBytes bounds what is read of a key file.
const maxKeyBytes = 64 << 10

// LoadProofKey reads a key file, and refuses one that others than its owner and group may read. No error shows what is in it.
func LoadProofKey(path string) (*ProofKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read proof key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read proof key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, fmt.Errorf("proof key %s can be read by everybody (mode %04o): chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyBytes))
	if err != nil {
		return nil, fmt.Errorf("read proof key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("proof key %s is not PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("proof key %s is not a private key of ed25519: %w", path, errKeyKind)
	}
	return &ProofKey{private}, nil
}

var errKeyKind = errors.New("make one with backstitch cluster proof-key create FILE")

// Public is the half that everybody may know.
func (k *ProofKey) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// Sign signs a message.
func (k *ProofKey) Sign(message []byte) []byte { return ed25519.Sign(k.private, message) }

// String is the public half.
func (k *ProofKey) String() string { return fmt.Sprintf("ed25519 %x", []byte(k.Public())) }

// Format prints String whatever the verb, so that no %#v shows the private half.
func (k *ProofKey) Format(w fmt.State, _ rune) { io.WriteString(w, k.String()) }

// LogValue logs String.
func (k *ProofKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText encodes String.
func (k *ProofKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
