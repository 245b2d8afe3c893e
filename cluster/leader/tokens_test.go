package leader

import (
	"testing"
	"time"

	"backstitch/fsm"
)

// A token ends by the leader's clock: not before its time, at it, and once.
func TestTokensEndByTheLeadersClock(t *testing.T) {
	end := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		token fsm.Token
		at    time.Time
		ends  bool
	}{
		"before its end":  {fsm.Token{Accessor: "k", ExpiresUnixNanos: end.UnixNano()}, end.Add(-1), false},
		"at its end":      {fsm.Token{Accessor: "k", ExpiresUnixNanos: end.UnixNano()}, end, true},
		"ended already":   {fsm.Token{Accessor: "k", ExpiresUnixNanos: end.UnixNano(), EndedUnixNanos: 1}, end, false},
		"without any end": {fsm.Token{Accessor: "k"}, end.Add(1 << 40), false},
	} {
		ends := false
		for _, p := range Decide(Input{Wall: c.at, Tokens: []fsm.Token{c.token}, Limits: DefaultLimits()}) {
			if cmd, ok := p.Command.(fsm.EndToken); ok {
				ends = cmd == (fsm.EndToken{Accessor: "k", Expired: true})
			}
		}
		if ends != c.ends {
			t.Errorf("%s: ended %t, want %t", name, ends, c.ends)
		}
	}
}
