package fsm

// EndToken makes a token good for nothing, and takes its policies away. What the book applies behind it is refused when its actor is that token.
//
// Since: 8. Proposed by: the API (revoked), the leader (Expired: its clock has passed the token's end). Refused: UnknownToken, WrongState (called
// expired before its end). One that has ended is OK and stays as it is.
type EndToken struct {
	Accessor string
	Expired  bool
}

// Op returns 42.
func (EndToken) Op() uint16 { return 42 }

func (c EndToken) subject() string { return "token " + c.Accessor }

func (c EndToken) apply(t *tx) Result {
	var k Token
	switch known := t.read(tokenKey(c.Accessor), &k); {
	case !known:
		return t.refuse(UnknownToken, c.Accessor)
	case k.EndedUnixNanos != 0:
		return t.ok()
	case c.Expired && (k.ExpiresUnixNanos == 0 || t.env.UnixNanos < k.ExpiresUnixNanos):
		return t.refuse(WrongState, c.subject()+" has not come to its end")
	}
	k.EndedUnixNanos, k.Expired, k.EndedBy, k.EndedWhy, k.ModifyIndex = max(1, t.env.UnixNanos), c.Expired, t.env.Actor, t.env.Reason, t.index
	t.write(tokenKey(c.Accessor), &k)
	for _, at := range t.keys(key(kindAccessPolicy)) {
		var p AccessPolicy
		if t.read(at, &p); p.Subject == TokenSubject(c.Accessor) && p.Name != BootstrapPolicy {
			t.remove(at)
		}
	}
	return t.ok()
}
