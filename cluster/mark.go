package cluster

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"backstitch/cluster/wire"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// This file is the small file "cluster" beside the data: to which cluster this node belongs, with whom it promised to make it,
// and with which data it may vote. It outlives data that is set aside, so a node that lost its data neither makes a second
// cluster nor votes before it was let in again.

const markFile = "cluster.json"

// mark is what the file holds.
type mark struct {
	Cluster string `json:"cluster"`
	// Generation is that of the data with which this node may start Raft although there is no Raft state in them: it gave its
	// promise with them, or the leader let it in with them. It is written with the promise, in one file, so no crash can
	// separate the two; data that are lost later have a higher generation. 0 is nothing yet.
	Generation uint32 `json:"generation,omitempty"`
	// Servers are those that the cluster is to be made of, while this node has promised and not seen it happen.
	Servers []markServer `json:"servers,omitempty"`
	// Peers are RPC addresses by node id, as last known: whom to ask when the book is lost.
	Peers map[string]string `json:"peers,omitempty"`
	// Rebuild, if not empty, is why the data must be set aside at the next start.
	Rebuild string `json:"rebuild,omitempty"`
}

// admits reports whether a node without Raft state may start Raft with data of that generation.
func (m *mark) admits(generation uint32) bool {
	return m.Cluster != "" && m.Generation == generation && generation > 0
}

type markServer struct {
	ID       string `json:"id"`
	Instance string `json:"instance"` // hex
	RPCAddr  string `json:"rpc"`
}

func readMark(fs vfs.FS, dir string) (mark, error) {
	path := fs.PathJoin(dir, markFile)
	sealed, err := storage.ReadFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	body, err := storage.Unseal(sealed)
	if err != nil {
		return mark{}, storage.Damaged(path, err)
	}
	var m mark
	if err := json.Unmarshal(body, &m); err != nil {
		return mark{}, storage.Damaged(path, err)
	}
	return m, nil
}

func writeMark(fs vfs.FS, dir string, m mark) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode cluster file: %w", err)
	}
	path := fs.PathJoin(dir, markFile)
	return storage.Classify(path, storage.WriteFile(fs, path, storage.Seal(append(body, '\n'))))
}

// clusterID names the cluster that servers make: whoever makes one of the same data directories gives it the same id, and
// nobody else ever does. servers must be sorted by id.
func clusterID(servers []wire.Server) string {
	h := sha256.New()
	for _, s := range servers {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s.ID)))
		h.Write(n[:])
		h.Write([]byte(s.ID))
		h.Write(s.Instance[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func toMark(servers []wire.Server) []markServer {
	out := make([]markServer, 0, len(servers))
	for _, s := range servers {
		out = append(out, markServer{ID: s.ID, Instance: hex.EncodeToString(s.Instance[:]), RPCAddr: s.RPCAddr})
	}
	return out
}

func fromMark(servers []markServer) ([]wire.Server, error) {
	out := make([]wire.Server, 0, len(servers))
	for _, s := range servers {
		instance, err := instanceOf(s.Instance)
		if err != nil {
			return nil, err
		}
		out = append(out, wire.Server{ID: s.ID, Instance: instance, RPCAddr: s.RPCAddr})
	}
	return out, nil
}

func instanceOf(text string) (out [16]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(out) {
		return out, fmt.Errorf("instance %q: want 32 hex digits", text)
	}
	copy(out[:], b)
	return out, nil
}

func sortServers(servers []wire.Server) {
	slices.SortFunc(servers, func(a, b wire.Server) int { return strings.Compare(a.ID, b.ID) })
}
