package fsm

import "fmt"

// FinishUpgrade raises the cluster version as RaiseVersion does, on the word of a person, and so also where Upgrade says ByHand.
//
// Since: 8. Proposed by: the API. Refused: NeedsVersion (a member that has not left can not apply MaxOp of that version),
// Invalid (lower than the present one). The present version is OK.
type FinishUpgrade struct {
	Version uint32
}

// Op returns 101.
func (FinishUpgrade) Op() uint16 { return 101 }

func (c FinishUpgrade) subject() string { return fmt.Sprintf("cluster version %d", c.Version) }

func (c FinishUpgrade) apply(t *tx) Result { return t.raise(c.Version) }
