package fsm

// Upgrade says who switches a new cluster version on. The zero value is how a cluster begins: its leader does, as soon as every member can.
type Upgrade struct {
	ByHand bool // a person does, by FinishUpgrade

	PutBy        string
	Why          string
	PutUnixNanos int64
	ModifyIndex  uint64
}

// Upgrade returns who switches a new cluster version on.
func (v *View) Upgrade() (Upgrade, error) {
	var u Upgrade
	_, err := v.read(key(kindUpgrade), &u)
	return u, err
}

func (t *tx) upgrade() (u Upgrade) {
	t.read(key(kindUpgrade), &u)
	return u
}
