package fsm

import "fmt"

// NoteKeyring writes into the audit trail who changes the keys of gossip. The book has no keys, and changes nothing by it: nodes give the keys to each
// other. It comes before the change, and its index is the revision of the ring that is made, so of two changes the later one is known everywhere.
//
// Since: 8. Proposed by: the node that an operator asks. Refused: Invalid.
type NoteKeyring struct {
	Change KeyringChange
	Key    string // fingerprint of the key
	Forced bool   // although not every node answers, or has the key
}

// KeyringChange is what is done to a ring.
type KeyringChange uint8

const (
	KeyringInstall KeyringChange = 1 // a key decrypts
	KeyringUse     KeyringChange = 2 // a key encrypts
	KeyringRemove  KeyringChange = 3 // a key decrypts no more
)

// String is the verb.
func (c KeyringChange) String() string {
	switch c {
	case KeyringInstall:
		return "install"
	case KeyringUse:
		return "use"
	case KeyringRemove:
		return "remove"
	}
	return fmt.Sprintf("change %d", uint8(c))
}

// fingerprintDigits is the length of a fingerprint. What has another one, or other digits, may be a key.
const fingerprintDigits = 32

// Op returns 99.
func (NoteKeyring) Op() uint16 { return 99 }

func (c NoteKeyring) subject() string {
	if !c.fingerprint() {
		return "gossip key"
	}
	forced := ""
	if c.Forced {
		forced = ", forced"
	}
	return fmt.Sprintf("gossip key %s: %s%s", c.Key, c.Change, forced)
}

func (c NoteKeyring) apply(t *tx) Result {
	switch {
	case c.Change < KeyringInstall || c.Change > KeyringRemove:
		return t.refuse(Invalid, c.Change.String()+" of a ring")
	case !c.fingerprint():
		return t.refuse(Invalid, fmt.Sprintf("what stands for the key is not %d hexadecimal digits", fingerprintDigits))
	}
	return t.ok()
}

// fingerprint reports whether Key is one. A key that somebody took for its name must not get into the trail.
func (c NoteKeyring) fingerprint() bool {
	if len(c.Key) != fingerprintDigits {
		return false
	}
	for _, r := range c.Key {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}
