package rule

import "slices"

// Proto is an IP protocol number; 0 stands for any.
type Proto uint8

// Protocols.
const (
	Any  Proto = 0
	ICMP Proto = 1
	TCP  Proto = 6
	UDP  Proto = 17
)

// Match says what a rule is about. Its zero value is everything.
type Match struct {
	From, To []string // parties; none stands for all
	Both     bool     // also the other way
	Proto    Proto
	Port     uint16 // of either end; 0 stands for any
}

// Unit is what is sent at once: a packet, or a piece of a stream.
type Unit struct {
	Proto            Proto
	FromPort, ToPort uint16 // 0 where there are none
	Size             int    // bytes
	Body             []byte // what Corrupt may change; nil where nothing can be
}

func (m Match) covers(from, to string, u Unit) bool {
	if m.Proto != Any && m.Proto != u.Proto || m.Port != 0 && m.Port != u.FromPort && m.Port != u.ToPort {
		return false
	}
	return m.between(from, to) || m.Both && m.between(to, from)
}

func (m Match) between(from, to string) bool {
	return (len(m.From) == 0 || slices.Contains(m.From, from)) && (len(m.To) == 0 || slices.Contains(m.To, to))
}
