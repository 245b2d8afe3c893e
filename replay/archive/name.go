package archive

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Suffix ends the names of archive objects.
const Suffix = ".bsa"

// ErrName says that a key is not one of an archive object.
var ErrName = errors.New("not the name of an archive object")

// Name is what an object's key says.
type Name struct {
	Topic     string
	Partition int32
	First     int64 // offset of the first batch
	Last      int64 // last offset that the last batch takes
	Records   int64
	Hash      [16]byte // of the batches, see FORMATS.md
}

// Prefix is where the objects of one partition are, with a slash at its end.
func Prefix(topic string, part int32) string { return fmt.Sprintf("%s/%05d/", topic, part) }

// Key returns the object's key.
func (n Name) Key() string {
	return fmt.Sprintf("%s%020d-%020d-%d-%x%s", Prefix(n.Topic, n.Partition), n.First, n.Last, n.Records, n.Hash[:], Suffix)
}

// ParseName reads what Key returned, and nothing else: another spelling of the same numbers is refused.
func ParseName(key string) (Name, error) {
	bad := func() (Name, error) { return Name{}, fmt.Errorf("%q: %w", key, ErrName) }
	dir, file := path.Split(key)
	topic, part, ok := strings.Cut(strings.TrimSuffix(dir, "/"), "/")
	file, suffixed := strings.CutSuffix(file, Suffix)
	fields := strings.Split(file, "-")
	if !ok || !suffixed || len(fields) != 4 {
		return bad()
	}
	p, perr := strconv.ParseInt(part, 10, 32)
	first, ferr := strconv.ParseInt(fields[0], 10, 64)
	last, lerr := strconv.ParseInt(fields[1], 10, 64)
	records, rerr := strconv.ParseInt(fields[2], 10, 64)
	hash, herr := hex.DecodeString(fields[3])
	if cmp.Or(perr, ferr, lerr, rerr, herr) != nil || len(hash) != 16 || p < 0 || first < 0 || last < first || records < 1 || records-1 > last-first {
		return bad()
	}
	n := Name{Topic: topic, Partition: int32(p), First: first, Last: last, Records: records, Hash: [16]byte(hash)}
	if n.Key() != key {
		return bad()
	}
	return n, nil
}
