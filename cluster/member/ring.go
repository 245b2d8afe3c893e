package member

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"

	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/memberlist"
)

// This file is the ring of keys of one node: in memory, in a file of its data directory, and in the hands of the library.
//
// Two hands turn it. An operator's command gives every node the same ring under a revision, which only grows. And the key file of
// the configuration is looked at as before: the ring is made of it at the first start, and made anew whenever what is in it is other
// than what was taken from it last. A key file that nobody touches never takes a rotation back.
//
// The trap is the order of disk and memory: a ring is durable before it is used. A node that used a key which its disk does not
// have would not find back after a power cut.

// RingFile is the name of the ring in the data directory.
const RingFile = "gossip.keyring"

// ErrRingMoved says that a node has a newer ring than the one that a change was made from.
var ErrRingMoved = errors.New("the ring was changed meanwhile")

// Keys is a ring at one moment.
type Keys struct {
	Revision uint64 // of the last command that changed it; 0 is that there was none
	Keys     []Key  // the first one encrypts, all decrypt
}

// Primary is the fingerprint of the key that encrypts.
func (k Keys) Primary() string { return k.Keys[0].Fingerprint() }

// Find returns the key of a fingerprint, nil if it is not there.
func (k Keys) Find(fingerprint string) Key {
	for _, key := range k.Keys {
		if key.Fingerprint() == fingerprint {
			return key
		}
	}
	return nil
}

// Ring keeps the keys of this node.
type Ring struct {
	fs      vfs.FS
	path    string // of RingFile
	keyFile string
	live    *memberlist.Keyring // of which the library takes keys
	lock    lock                // of the same keys

	mu     sync.Mutex
	now    Keys
	seed   string // what was taken from the key file last, hashed
	broken string // what was last said about the key file
}

// ringFile is what the file holds. Its keys are in the clear, so its mode is 0600.
type ringFile struct {
	Revision uint64   `json:"revision"`
	Seed     string   `json:"seed"`
	Keys     []string `json:"keys"`
}

// OpenRing reads the ring of dir, or makes it of keyFile. A ring that can not be read is made of the key file again, which costs
// nothing: a node with an old ring asks the others for theirs.
func OpenRing(fs vfs.FS, dir, keyFile string, log *slog.Logger) (*Ring, error) {
	r := &Ring{fs: fs, path: fs.PathJoin(dir, RingFile), keyFile: keyFile}
	fromFile, err := ReadKeys(keyFile)
	if err != nil {
		return nil, err
	}
	seed := hashKeys(fromFile)
	kept, was, err := readRing(fs, r.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		log.Warn("the ring of gossip keys can not be read, and is made of the key file again", "file", r.path, "err", err)
	}
	if err == nil && was == seed {
		r.now, r.seed = kept, seed
	} else if err := r.keep(Keys{Revision: kept.Revision, Keys: fromFile}, seed); err != nil {
		return nil, err
	}
	others := make([][]byte, 0, len(r.now.Keys))
	for _, k := range r.now.Keys[1:] {
		others = append(others, k)
	}
	if r.live, err = memberlist.NewKeyring(others, r.now.Keys[0]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return r, r.lock.set(r.now.Keys)
}

// Keys is the ring as it is now.
func (r *Ring) Keys() Keys {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Keys{r.now.Revision, slices.Clone(r.now.Keys)}
}

// Put takes over next, which was made from the ring of revision base. A node whose ring is newer than base refuses with ErrRingMoved, so
// that of two changes at the same time neither is lost without a word. The same ring once more is taken as often as it comes.
func (r *Ring) Put(base uint64, next Keys) error {
	if len(next.Keys) == 0 || len(next.Keys) > MaxKeys {
		return fmt.Errorf("%w: a ring of %d keys, want 1 to %d", ErrKey, len(next.Keys), MaxKeys)
	}
	for _, k := range next.Keys {
		if err := k.Validate(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.Revision == next.Revision && sameKeys(r.now.Keys, next.Keys) {
		return nil
	}
	if r.now.Revision > base || r.now.Revision >= next.Revision {
		return fmt.Errorf("%w: it is of revision %d here, and the change was made from %d", ErrRingMoved, r.now.Revision, base)
	}
	return r.turn(next, r.seed)
}

// Reload looks at the key file, and makes the ring of it if it is not as it was. The ring stays if the file is not usable; said is
// false when the same was returned before.
func (r *Ring) Reload() (said bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys, err := ReadKeys(r.keyFile)
	if err == nil {
		if seed := hashKeys(keys); seed != r.seed {
			err = r.turn(Keys{r.now.Revision, keys}, seed)
		}
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	said, r.broken = text != "" && text == r.broken, text
	return said, err
}

// turn makes next the ring: first on the disk.
func (r *Ring) turn(next Keys, seed string) error {
	if err := r.keep(next, seed); err != nil {
		return err
	}
	if err := r.lock.set(next.Keys); err != nil {
		return err
	}
	return setKeys(r.live, next.Keys)
}

func (r *Ring) keep(next Keys, seed string) error {
	file := ringFile{Revision: next.Revision, Seed: seed}
	for _, k := range next.Keys {
		file.Keys = append(file.Keys, k.Secret())
	}
	body, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the ring of gossip keys: %w", err)
	}
	if err := storage.WriteSecret(r.fs, r.path, storage.Seal(append(body, '\n'))); err != nil {
		return fmt.Errorf("%w: %w", ErrKey, storage.Classify(r.path, err))
	}
	r.now, r.seed = next, seed
	return nil
}

// readRing returns the ring of a file, and what it was made of. No error repeats anything of it.
func readRing(fs vfs.FS, path string) (Keys, string, error) {
	sealed, err := storage.ReadFile(fs, path)
	if err != nil {
		return Keys{}, "", err
	}
	body, err := storage.Unseal(sealed)
	if err != nil {
		return Keys{}, "", fmt.Errorf("%w: %s is not as it was written", ErrKey, path)
	}
	var file ringFile
	if json.NewDecoder(bytes.NewReader(body)).Decode(&file) != nil || len(file.Keys) == 0 {
		return Keys{}, "", fmt.Errorf("%w: %s is no ring", ErrKey, path)
	}
	out := Keys{Revision: file.Revision}
	for _, text := range file.Keys {
		key, err := ParseKey(text)
		if err != nil {
			return Keys{}, "", fmt.Errorf("%s: %w", path, err)
		}
		out.Keys = append(out.Keys, key)
	}
	return out, file.Seed, nil
}

// hashKeys tells one key file from another, in their order. It stays in the file with the keys.
func hashKeys(keys []Key) string {
	h := sha256.New()
	for _, k := range keys {
		h.Write([]byte{byte(len(k))})
		h.Write(k)
	}
	return hex.EncodeToString(h.Sum(nil))
}
