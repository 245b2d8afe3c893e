package fsm

import (
	"fmt"
	"strconv"
	"strings"

	"backstitch/partition"
)

// An alias is the name by which readers ask where a stream is now. It moves from one place to another only by the proof of a job, and it keeps
// where it has been, so that it can go back.
//
// Consumer groups move with it, and no command of the book moves a group. What is about to be done to groups is therefore in the book before it is
// done, and stays there until it is done or taken back: whoever dies in between, anybody else can finish it or undo exactly it. A
// version is staged while groups move there, and reverting while they are put back; readers are sent to published versions alone.

// AliasState is where a version of an alias is in its life. The numbers are stored; never reuse one.
type AliasState uint8

const (
	AliasStaged    AliasState = 1 // its groups are being moved; readers are not sent there
	AliasPublished AliasState = 2
	AliasReverting AliasState = 3 // readers are sent to the version before; its groups are being put back
	AliasReverted  AliasState = 4
)

// String returns the word that the API uses.
func (s AliasState) String() string {
	switch s {
	case AliasStaged:
		return "staged"
	case AliasPublished:
		return "published"
	case AliasReverting:
		return "reverting"
	case AliasReverted:
		return "reverted"
	}
	return "unknown"
}

// Alias is a name with the versions that it had, oldest first.
type Alias struct {
	Name     string
	Current  uint32 // number of the version that readers are sent to, 0 for none
	Last     uint32 // highest number that was given; none is given twice
	Versions []AliasVersion

	CreateIndex uint64
	ModifyIndex uint64
}

// AliasVersion is one place that an alias has named, or was about to.
type AliasVersion struct {
	Number uint32
	State  AliasState
	// Before is the number of the version that was current when this one was published, 0 for none.
	Before uint32
	// Place is what the locks of a job begin with: "kafka:CLUSTER-ID/TOPIC", "dir:PATH" or "s3://BUCKET/PREFIX/TOPIC".
	Place string
	Topic string // of Kafka, or the directory of that name inside a place of files
	// Job and Proof allowed it; both are "" for the place that readers had before there was an alias.
	Job    partition.JobID
	Proof  ProofID
	Groups []string // consumer groups that move with it

	By        string
	Why       string
	UnixNanos int64
	// Of a version that was taken back.
	RevertedBy        string
	RevertedWhy       string
	RevertedUnixNanos int64
}

// GroupMove is how one consumer group moves: the canonical JSON of a replay/regroup.Plan, which the book does not read.
type GroupMove struct {
	Group string
	Plan  []byte
}

// aliasMoves are the moves of one version, kept apart and until they are undone.
type aliasMoves struct{ Moves []GroupMove }

const (
	// MaxAliases is how many aliases there may be.
	MaxAliases = 1000
	// AliasVersionsKept is how many versions of an alias are kept, the current one besides.
	AliasVersionsKept = 100
	// MaxAliasMoves bounds the plans of a version's groups together, in bytes, and MaxAliasGroups counts them.
	MaxAliasMoves  = 1 << 20
	MaxAliasGroups = 64
)

// InvalidAliasName says why a name can not be one of an alias, "" when it can. What a topic may be called, an alias may.
func InvalidAliasName(name string) string {
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}
	if name == "" || name == "." || name == ".." || len(name) > maxIDBytes || strings.ContainsFunc(name, strange) {
		return fmt.Sprintf("alias %q: want 1 to %d letters, digits, dots, dashes and underscores", name, maxIDBytes)
	}
	return ""
}

// PlaceOfLocks returns the place that all locks of a job are partitions of; ok is false for a job that has none, or several.
func PlaceOfLocks(locks []string) (place string, ok bool) {
	for i, lock := range locks {
		p, ok := placeOfLock(lock)
		if !ok || i > 0 && p != place {
			return "", false
		}
		place = p
	}
	return place, place != ""
}

func placeOfLock(lock string) (place string, ok bool) {
	cut := strings.LastIndexByte(lock, '/')
	if cut < 0 {
		return "", false
	}
	_, err := strconv.ParseUint(lock[cut+1:], 10, 31)
	return lock[:cut], err == nil
}

// Version returns a version by its number; ok is false for one that is not kept.
func (a Alias) Version(n uint32) (v AliasVersion, ok bool) {
	if v := a.version(n); v != nil {
		return *v, true
	}
	return AliasVersion{}, false
}

// Open returns the version whose groups are on their way, there or back; ok is false when there is none.
func (a Alias) Open() (v AliasVersion, ok bool) {
	for _, v := range a.Versions {
		if v.State == AliasStaged || v.State == AliasReverting {
			return v, true
		}
	}
	return AliasVersion{}, false
}

// Of returns the newest version that a job allowed, one that was taken back only when there is no other; ok is false when it allowed none. A job
// has several that count when it was published once more over one that came after it.
func (a Alias) Of(job partition.JobID) (v AliasVersion, ok bool) {
	for _, x := range a.Versions {
		if x.Job == job && job != "" && (!ok || x.State != AliasReverted || v.State == AliasReverted) {
			v, ok = x, true
		}
	}
	return v, ok
}

// version is a version that can be changed, nil for one that is not kept.
func (a Alias) version(n uint32) *AliasVersion {
	for i := range a.Versions {
		if a.Versions[i].Number == n {
			return &a.Versions[i]
		}
	}
	return nil
}

func aliasKey(name string) []byte { return key(kindAlias, []byte(name)) }

func aliasOfKey(job partition.JobID, name string) []byte {
	return key(kindAliasOf, ended(job), []byte(name))
}

func aliasMovesKey(name string, number uint32) []byte {
	return key(kindAliasMoves, ended(name), u32(number))
}

func (t *tx) alias(name string) (a Alias, ok bool) {
	ok = t.read(aliasKey(name), &a)
	return a, ok
}

// putAlias writes an alias without the versions that are too old. What is on its way is never forgotten, nor is the current one.
func (t *tx) putAlias(a Alias) {
	for i := 0; i < len(a.Versions) && len(a.Versions) > AliasVersionsKept; {
		v := a.Versions[i]
		if v.Number == a.Current || v.State == AliasStaged || v.State == AliasReverting {
			i++
			continue
		}
		a.Versions = append(a.Versions[:i:i], a.Versions[i+1:]...)
		t.dropMoves(a.Name, v)
		t.matchAliasOf(a, v.Job)
	}
	a.ModifyIndex = t.index
	t.write(aliasKey(a.Name), &a)
}

func (t *tx) dropMoves(name string, v AliasVersion) {
	if len(v.Groups) > 0 && v.State != AliasReverted {
		t.remove(aliasMovesKey(name, v.Number))
	}
}

// matchAliasOf notes whether the data of a job are what a version of an alias is made of, which was not taken back.
func (t *tx) matchAliasOf(a Alias, job partition.JobID) {
	if job == "" {
		return
	}
	k := aliasOfKey(job, a.Name)
	for _, v := range a.Versions {
		if v.Job == job && v.State != AliasReverted {
			t.write(k, mark{})
			return
		}
	}
	if t.read(k, &mark{}) {
		t.remove(k)
	}
}

// aliasesOf are the names that a job's data are published under.
func (t *tx) aliasesOf(job partition.JobID) []string {
	var out []string
	prefix := key(kindAliasOf, ended(job))
	for _, k := range t.keys(prefix) {
		out = append(out, string(k[len(prefix):]))
	}
	return out
}

// Alias returns an alias by its name.
func (v *View) Alias(name string) (a Alias, ok bool, err error) {
	ok, err = v.read(aliasKey(name), &a)
	return a, ok, err
}

// Aliases returns all aliases by name.
func (v *View) Aliases() ([]Alias, error) {
	var out []Alias
	for a, err := range each[Alias](v, key(kindAlias), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// AliasesOf returns the names under which what a job wrote is published, or about to be, or was before the current version.
func (v *View) AliasesOf(job partition.JobID) ([]string, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out []string
	prefix := key(kindAliasOf, ended(job))
	for e, err := range v.scan(prefix, nil) {
		if err == nil {
			err = unseal(e.key, e.value, &mark{})
		}
		if err != nil {
			return nil, v.failed(err)
		}
		out = append(out, string(e.key[len(prefix):]))
	}
	return out, nil
}

// AliasMoves returns how the groups of a version move, nil for one that has none or whose groups were put back.
func (v *View) AliasMoves(name string, number uint32) ([]GroupMove, error) {
	var m aliasMoves
	_, err := v.read(aliasMovesKey(name, number), &m)
	return m.Moves, err
}
