package member

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/memberlist"
)

// ErrKey says that a gossip key file can not be used.
var ErrKey = errors.New("gossip key")

// ReadKeys reads a gossip key file: one base64 key of 16, 24 or 32 bytes per line, # begins a comment. The first key
// encrypts, all decrypt, so keys are rotated by adding the new one last everywhere, then first, then removing the old one.
// A file that others may read is refused.
func ReadKeys(path string) ([][]byte, error) {
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
	return parseKeys(path, string(b))
}

func parseKeys(path, text string) ([][]byte, error) {
	var keys [][]byte
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
		if err := memberlist.ValidateKey(key); err != nil {
			return nil, fmt.Errorf("%w: %s line %d has %d bytes, want 16, 24 or 32", ErrKey, path, n+1, len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s has no key", ErrKey, path)
	}
	return keys, nil
}

// setKeys makes ring hold exactly keys, the first one primary.
func setKeys(ring *memberlist.Keyring, keys [][]byte) error {
	for _, k := range keys {
		if err := ring.AddKey(k); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	if err := ring.UseKey(keys[0]); err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	for _, old := range ring.GetKeys() {
		keep := false
		for _, k := range keys {
			keep = keep || bytes.Equal(k, old)
		}
		if !keep {
			if err := ring.RemoveKey(old); err != nil {
				return fmt.Errorf("%w: %w", ErrKey, err)
			}
		}
	}
	return nil
}
