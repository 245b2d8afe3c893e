package storage

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Identity says whose directory this is. It is written once and lies outside of the data, so that it outlives it.
type Identity struct {
	// NodeID is the name of the node in the cluster, chosen by the operator.
	NodeID string `json:"node_id"`
	// Instance is 128 random bits in hex: two directories that claim one NodeID are told apart by it.
	Instance string `json:"instance"`
	// Created is the unix time in nanoseconds at which the identity was made, by the caller's clock.
	Created int64 `json:"created_unix_nanos"`
	// Generation counts the databases that this identity began. One that rises after the node has voted or acknowledged
	// something says that it no longer knows what; whoever lets it vote notes the generation with which it may.
	Generation uint32 `json:"generation"`
}

// ErrNoIdentity says that the directory has none yet.
var ErrNoIdentity = errors.New("node directory has no identity yet")

// ReadIdentity returns the identity in dir, or ErrNoIdentity. nil fs is the disk.
func ReadIdentity(fs vfs.FS, dir string) (Identity, error) {
	fs = orDisk(fs)
	path := fs.PathJoin(dir, identityFile)
	sealed, err := ReadFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return Identity{}, fmt.Errorf("%s: %w", path, ErrNoIdentity)
	}
	if err != nil {
		return Identity{}, Classify(path, err)
	}
	body, err := Unseal(sealed)
	if err != nil {
		return Identity{}, Damaged(path, err)
	}
	var id Identity
	if err := json.Unmarshal(body, &id); err != nil {
		return Identity{}, Damaged(path, err)
	}
	return id, nil
}

// EnsureIdentity returns the identity in dir and makes it first if there is none. It refuses a directory that belongs to
// another node than nodeID. unixNanos is the caller's clock. Call it before Open.
func EnsureIdentity(fs vfs.FS, dir, nodeID string, unixNanos int64) (Identity, error) {
	fs = orDisk(fs)
	id, err := ReadIdentity(fs, dir)
	if err == nil && id.NodeID != nodeID {
		return Identity{}, &Error{Code: "BST-E0207", Object: dir, Kind: ErrForeign,
			Cause: fmt.Errorf("it is the directory of %q, not of %q", id.NodeID, nodeID),
			Hint:  "start the node with its own directory, or give it the id that the directory has"}
	}
	if !errors.Is(err, ErrNoIdentity) {
		return id, err
	}
	if err := MakeDir(fs, dir); err != nil {
		return Identity{}, Classify(dir, err)
	}
	var instance [16]byte
	if _, err := rand.Read(instance[:]); err != nil {
		return Identity{}, fmt.Errorf("draw an instance: %w", err)
	}
	id = Identity{NodeID: nodeID, Instance: hex.EncodeToString(instance[:]), Created: unixNanos}
	return id, writeIdentity(fs, dir, id)
}

// ErrForeign says that a directory belongs to another node.
var ErrForeign = errors.New("belongs to another node")

func writeIdentity(fs vfs.FS, dir string, id Identity) error {
	body, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	path := fs.PathJoin(dir, identityFile)
	return Classify(path, WriteFile(fs, path, Seal(append(body, '\n'))))
}

// countGeneration notes durably that a new database is about to be made. It does so before the first byte of it: a crash in
// between leaves a generation too many, never one too few.
func countGeneration(fs vfs.FS, dir string) (Identity, error) {
	id, err := ReadIdentity(fs, dir)
	if errors.Is(err, ErrNoIdentity) {
		return Identity{}, nil // used without identity, as tests and tools do
	}
	if err != nil {
		return Identity{}, err
	}
	id.Generation++
	return id, writeIdentity(fs, dir, id)
}

// SetAside renames the data of the node directory dir, so that the node can come back as a learner while the old bytes
// stay for whoever looks into them. It returns the new name. The identity stays. nil fs is the disk.
func SetAside(fs vfs.FS, dir string) (renamedTo string, err error) {
	fs = orDisk(fs)
	lock, err := lockDir(fs, dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for n := 1; ; n++ {
		renamedTo = fs.PathJoin(dir, fmt.Sprintf("%s.damaged-%03d", dataDir, n))
		taken, err := exists(fs, renamedTo)
		if err != nil {
			return "", Classify(renamedTo, err)
		}
		if !taken {
			break
		}
	}
	data := fs.PathJoin(dir, dataDir)
	if err := fs.Rename(data, renamedTo); err != nil {
		return "", Classify(data, err)
	}
	return renamedTo, Classify(dir, SyncDir(fs, dir))
}

func orDisk(fs vfs.FS) vfs.FS {
	if fs == nil {
		return vfs.Default
	}
	return fs
}
