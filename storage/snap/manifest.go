package snap

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/storage"
)

const (
	manifestFile   = "manifest.json"
	stateFile      = "state.bin"
	manifestFormat = 1
)

// manifest is written last: a directory without one is not a snapshot.
type manifest struct {
	Format             int    `json:"format"`
	ID                 string `json:"id"`
	RaftVersion        int    `json:"raft_version"`
	Index              uint64 `json:"index"`
	Term               uint64 `json:"term"`
	Configuration      []byte `json:"configuration"` // as raft encodes it
	ConfigurationIndex uint64 `json:"configuration_index"`
	Bytes              int64  `json:"bytes"` // of the state, without chunk heads
	XXH3               string `json:"xxh3_128"`

	servers raft.Configuration // what Configuration says
}

func (m manifest) meta() *raft.SnapshotMeta {
	return &raft.SnapshotMeta{Version: raft.SnapshotVersion(m.RaftVersion), ID: m.ID, Index: m.Index, Term: m.Term,
		Configuration: m.servers, ConfigurationIndex: m.ConfigurationIndex, Size: m.Bytes}
}

func (m manifest) write(fs vfs.FS, dir string) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return storage.WriteFile(fs, fs.PathJoin(dir, manifestFile), storage.Seal(append(body, '\n')))
}

// readManifest returns the manifest of the snapshot id in dir.
func readManifest(fs vfs.FS, dir, id string) (manifest, error) {
	object := "snapshot " + id + " manifest"
	sealed, err := storage.ReadFile(fs, fs.PathJoin(dir, manifestFile))
	if err != nil {
		return manifest{}, storage.Damaged(object, err)
	}
	body, err := storage.Unseal(sealed)
	if err != nil {
		return manifest{}, storage.Damaged(object, err)
	}
	var m manifest
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return manifest{}, storage.Damaged(object, err)
	}
	if m.Format > manifestFormat {
		return manifest{}, &storage.Error{Code: "BST-E0202", Object: object, Kind: storage.ErrNewer,
			Cause: fmt.Errorf("format %d, this program reads up to %d", m.Format, manifestFormat),
			Hint:  "start the program version that wrote it"}
	}
	if m.ID != id {
		return manifest{}, storage.Damaged(object, fmt.Errorf("it is the one of %q", m.ID))
	}
	if m.servers, err = decodeServers(m.Configuration); err != nil {
		return manifest{}, storage.Damaged(object, err)
	}
	return m, nil
}

// decodeServers reads a configuration. Raft's own reading of it panics over what is none: a node could not even say which of its snapshots is at fault.
func decodeServers(encoded []byte) (servers raft.Configuration, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its configuration is none: %v", r)
		}
	}()
	return raft.DecodeConfiguration(encoded), nil
}
