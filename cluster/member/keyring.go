package member

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/memberlist"
)

// This file is what a gossip key is, and how keys are read from files. A key is a secret: it prints, logs and encodes as its
// fingerprint, and no error repeats what was read.

// ErrKey says that a gossip key, or a file of them, can not be used.
var ErrKey = errors.New("gossip key")

// KeyBytes is the length of a key that NewKey makes. AES-256 takes it; 16 and 24 bytes are taken, too.
const KeyBytes = 32

// MaxKeys bounds a ring. A packet that no key decrypts is tried with each of them.
const MaxKeys = 16

// Key encrypts gossip.
type Key []byte

// NewKey draws a key.
func NewKey() Key {
	k := make(Key, KeyBytes)
	_, _ = rand.Read(k) // never fails
	return k
}

// ParseKey reads the text of one key. The text is not repeated in the error.
func ParseKey(text string) (Key, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%w: it is not base64", ErrKey)
	}
	return Key(key), Key(key).Validate()
}

// Validate refuses lengths that AES does not know.
func (k Key) Validate() error {
	if err := memberlist.ValidateKey(k); err != nil {
		return fmt.Errorf("%w: it has %d bytes, want 16, 24 or 32", ErrKey, len(k))
	}
	return nil
}

// Secret is the text of the key, as files hold it. It is for the file of a key and the request that hands one in, and for nothing else.
func (k Key) Secret() string { return base64.StdEncoding.EncodeToString(k) }

// Fingerprint names the key: half of a SHA-256 over a label and the key, in 32 hexadecimal digits. Keys are random, so nothing can be
// guessed from it.
func (k Key) Fingerprint() string {
	h := sha256.New()
	h.Write([]byte("backstitch gossip key\x00"))
	h.Write(k)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// String is the fingerprint.
func (k Key) String() string { return k.Fingerprint() }

// Format prints the fingerprint whatever the verb, so that no %x shows the key.
func (k Key) Format(w fmt.State, _ rune) { io.WriteString(w, k.Fingerprint()) }

// LogValue logs the fingerprint.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Fingerprint()) }

// MarshalText encodes the fingerprint.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Fingerprint()), nil }

// ReadKeys reads a gossip key file: one base64 key of 16, 24 or 32 bytes per line, # begins a comment. The first key
// encrypts, all decrypt. A file that others may read is refused.
func ReadKeys(path string) ([]Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%w: %s can be read by everyone on this machine: chmod 600 %s", ErrKey, path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return ParseKeys(path, string(b))
}

// ParseKeys reads the text of a gossip key file. Errors name it by path and line.
func ParseKeys(path, text string) ([]Key, error) {
	var keys []Key
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// The line itself is a secret and is not repeated in the error.
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %s line %d is not base64", ErrKey, path, n+1)
		}
		if Key(key).Validate() != nil {
			return nil, fmt.Errorf("%w: %s line %d has %d bytes, want 16, 24 or 32", ErrKey, path, n+1, len(key))
		}
		if !hasKey(keys, key) {
			keys = append(keys, key)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, fmt.Errorf("%w: %s has no key", ErrKey, path)
	case len(keys) > MaxKeys:
		return nil, fmt.Errorf("%w: %s has %d keys, want at most %d", ErrKey, path, len(keys), MaxKeys)
	}
	return keys, nil
}

func hasKey(keys []Key, key Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return bytes.Equal(k, key) })
}

func sameKeys(a, b []Key) bool {
	return slices.EqualFunc(a, b, func(x, y Key) bool { return bytes.Equal(x, y) })
}

// setKeys makes ring hold exactly keys, the first one primary.
//
// The library removes a key by moving the ones behind it forward in place, while packets that arrive are being tried with that
// very list. So a key is only removed from the end: those that stay are moved before it first.
func setKeys(ring *memberlist.Keyring, keys []Key) error {
	for _, k := range keys {
		if err := ring.AddKey(k); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	use := func(k Key) error {
		if err := ring.UseKey(k); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
		return nil
	}
	if err := use(keys[0]); err != nil {
		return err
	}
	for {
		held := slices.Clone(ring.GetKeys())
		first := slices.IndexFunc(held, func(k []byte) bool { return !hasKey(keys, k) })
		if first < 0 {
			return nil
		}
		for _, k := range held[first:] {
			if hasKey(keys, k) {
				if err := errors.Join(use(k), use(keys[0])); err != nil {
					return err
				}
			}
		}
		held = ring.GetKeys()
		if err := ring.RemoveKey(held[len(held)-1]); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
}

// CreateKeyFile writes a new key into a new file that only its owner may read, and makes it durable.
func CreateKeyFile(path string) (Key, error) {
	key := NewKey()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	_, err = io.WriteString(f, key.Secret()+"\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}
