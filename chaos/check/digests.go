package check

import (
	"fmt"
	"maps"
	"slices"
)

// Digest is the digest of one member's book as of an index.
type Digest struct {
	Member string
	Index  uint64
	Sum    [32]byte
}

// Digests compares the books of members wherever two of them told their digest of the same index. It is ErrEvidence when no two
// did, or when one of members told none.
func Digests(members []string, told []Digest) (Findings, error) {
	by := map[uint64]map[string][32]byte{}
	spoke := map[string]bool{}
	var found Findings
	for _, d := range told {
		if by[d.Index] == nil {
			by[d.Index] = map[string][32]byte{}
		}
		if before, ok := by[d.Index][d.Member]; ok && before != d.Sum {
			found.add(Agreed, d.Member, "it told two digests of index %d", d.Index)
		}
		by[d.Index][d.Member] = d.Sum
		spoke[d.Member] = true
	}
	for _, m := range members {
		if !spoke[m] {
			return found, unfit("%s told no digest", m)
		}
	}
	compared := false
	for _, index := range slices.Sorted(maps.Keys(by)) {
		names := slices.Sorted(maps.Keys(by[index]))
		for _, m := range names[1:] {
			compared = true
			if a, b := by[index][names[0]], by[index][m]; a != b {
				found.add(Agreed, fmt.Sprintf("index %d", index), "%s has %x, %s has %x", names[0], a[:4], m, b[:4])
			}
		}
	}
	if !compared {
		return found, unfit("no two members told their digest of the same index")
	}
	return found, nil
}
