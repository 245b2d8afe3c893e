package check

import (
	"fmt"
	"maps"
	"slices"

	"backstitch/fsm"
)

// Ack is a request that was answered: whoever asked was told that it is at Index.
type Ack struct {
	RequestID [16]byte
	Index     uint64
	What      string
}

// Book is what one member has of requests: the index of each. Complete says from which index on it has all; requests before that
// were forgotten, as the audit trail forgets its oldest records.
type Book struct {
	Requests map[[16]byte]uint64
	Complete uint64
	Applied  uint64
}

// BookOf reads the audit trail of a view. Checkpoints and comparisons of digests are not in it.
func BookOf(v *fsm.View) (Book, error) {
	b := Book{Requests: map[[16]byte]uint64{}, Applied: v.Applied()}
	first := true
	for r, err := range v.Audit(0) {
		if err != nil {
			return b, fmt.Errorf("audit trail: %w", err)
		}
		if first && r.Number > 1 {
			b.Complete = r.Index
		}
		first = false
		if r.RequestID != ([16]byte{}) {
			// A request that was answered from memory keeps the index of its first answer.
			if _, ok := b.Requests[r.RequestID]; !ok {
				b.Requests[r.RequestID] = r.Index
			}
		}
	}
	return b, nil
}

// Acked looks for every acknowledged request in the book of every live member, at the index that the answer named.
func Acked(acks []Ack, books map[string]Book) (Findings, error) {
	if len(acks) == 0 || len(books) == 0 {
		return nil, unfit("%d acknowledged requests, %d books", len(acks), len(books))
	}
	var found Findings
	for _, member := range slices.Sorted(maps.Keys(books)) {
		b := books[member]
		for _, a := range acks {
			if a.RequestID == ([16]byte{}) {
				return nil, unfit("%s: a request without an id", a.What)
			}
			at, ok := b.Requests[a.RequestID]
			switch {
			case a.Index < b.Complete:
				return nil, unfit("%s at %d: %s has forgotten everything before %d", a.What, a.Index, member, b.Complete)
			case b.Applied < a.Index:
				found.add(Kept, member, "%s at %d: the book ends at %d", a.What, a.Index, b.Applied)
			case !ok:
				found.add(Kept, member, "%s at %d was acknowledged and is not there", a.What, a.Index)
			case at != a.Index:
				found.add(Kept, member, "%s was acknowledged at %d and is at %d", a.What, a.Index, at)
			}
		}
	}
	return found, nil
}
