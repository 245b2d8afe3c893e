package partition

import (
	"fmt"
	"strconv"
	"strings"
)

// NodeID names a node for its whole life. It survives a change of address and of data directory.
type NodeID string

// Epoch counts the owners of a slice. Each new owner gets a higher one, and everything of a lower one is refused.
type Epoch uint64

// JobID names an accepted plan, "bs-" followed by lower-case base32, e.g. "bs-7f3k2m".
type JobID string

// SliceID names one slice of one job. Its text form sorts in slice order: "bs-7f3k2m/00000012".
type SliceID struct {
	Job JobID
	N   uint32
}

// String returns the fixed textual form, with N as eight decimal digits.
func (id SliceID) String() string { return fmt.Sprintf("%s/%08d", id.Job, id.N) }

// ParseJobID checks the form of a job id.
func ParseJobID(s string) (JobID, error) {
	rest, ok := strings.CutPrefix(s, "bs-")
	if !ok || rest == "" || len(rest) > 32 {
		return "", fmt.Errorf("job id %q: want bs- followed by 1 to 32 of a-z and 2-7", s)
	}
	for _, c := range rest {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", fmt.Errorf("job id %q: %q is not one of a-z and 2-7", s, c)
		}
	}
	return JobID(s), nil
}

// ParseSliceID reads what SliceID.String prints.
func ParseSliceID(s string) (SliceID, error) {
	job, num, ok := strings.Cut(s, "/")
	if !ok || len(num) != 8 {
		return SliceID{}, fmt.Errorf("slice id %q: want JOB/ and eight digits", s)
	}
	id, err := ParseJobID(job)
	if err != nil {
		return SliceID{}, fmt.Errorf("slice id %q: %w", s, err)
	}
	n, err := strconv.ParseUint(num, 10, 32)
	if err != nil {
		return SliceID{}, fmt.Errorf("slice id %q: %w", s, err)
	}
	return SliceID{Job: id, N: uint32(n)}, nil
}

// Compare orders slices by job, then by number.
func (id SliceID) Compare(other SliceID) int {
	if c := strings.Compare(string(id.Job), string(other.Job)); c != 0 {
		return c
	}
	switch {
	case id.N < other.N:
		return -1
	case id.N > other.N:
		return 1
	}
	return 0
}
