package debezium

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Order is how two positions lie.
type Order int

// What is known of an order.
const (
	Unknown Order = iota
	Older
	Same
	Newer
)

// Position is where in the log of a database a change stands. The zero value is nowhere, and Unknown beside all others.
type Position struct {
	log    string // what positions are compared along: connector, name, table, and the name of MySQL's log
	server string // of MySQL, "" where it is not known
	at     string // compared as bytes
	commit string // of Postgres: how far commits had come before this one's, "" where it is not known
	read   bool   // a snapshot's
	tie    Order  // how a snapshot's row lies to a change at the same place
	loose  bool   // a change before a snapshot's place may still be one that the snapshot does not show
}

// Position is that of e; the zero value where its connector's are not compared, or where a part is lacking.
func (e *Event) Position() Position {
	p := Position{log: e.Connector + "\x00" + e.Name + "\x00" + e.Table, read: e.Op == Read, tie: Older}
	ok := false
	switch e.Connector {
	case "postgresql":
		// Rows are locked by their writers, so for one row the order of positions is that of commits. A snapshot shows what was committed at
		// its position, and a transaction that was open then has changes before it that the snapshot does not show.
		p.at, ok = e.numbers("lsn")
		p.commit = e.committed()
		p.loose = p.read && !strings.HasPrefix(text(e.source["snapshot"]), "incremental")
	case "mysql", "mariadb":
		file := text(e.source["file"])
		dot := strings.LastIndexByte(file, '.')
		n, err := strconv.ParseUint(file[dot+1:], 10, 64)
		if rest, fine := e.numbers("pos", "row"); fine && err == nil && dot > 0 {
			p.log += "\x00" + file[:dot]
			p.at, ok = string(binary.BigEndian.AppendUint64(nil, n))+rest, true
		}
		if p.server = text(e.source["server_id"]); p.server == "0" {
			p.server = "" // a snapshot's
		}
	case "sqlserver":
		commit, change := text(e.source["commit_lsn"]), text(e.source["change_lsn"])
		p.at, ok = strings.ToLower(commit), commit != ""
		p.tie = Unknown
		if !p.read {
			serial, fine := e.numbers("event_serial_no")
			p.at += "\x00" + strings.ToLower(change) + "\x00" + serial
			ok = ok && fine && change != ""
		}
	case "oracle":
		if p.read {
			p.at, ok = e.numbers("scn")
			p.at += "\xff" // it shows what was committed there
		} else {
			p.at, ok = e.numbers("commit_scn", "scn")
		}
	case "mongodb":
		ms, timed := number(e.source["ts_ms"])
		ord, fine := e.numbers("ord")
		ok = timed && fine && ms >= 0
		p.at = string(binary.BigEndian.AppendUint64(nil, uint64(max(ms, 0)/1000))) + ord
	}
	if !ok {
		return Position{}
	}
	return p
}

// Against is how p lies to o.
func (p Position) Against(o Position) Order {
	if p.log == "" || p.log != o.log || p.server != "" && o.server != "" && p.server != o.server {
		return Unknown
	}
	switch {
	case p.read && !o.read:
		return p.snapshot(o)
	case o.read && !p.read:
		switch o.snapshot(p) {
		case Older:
			return Newer
		case Newer:
			return Older
		}
		return Unknown
	case p.at < o.at:
		return Older
	case p.at > o.at:
		return Newer
	}
	return Same
}

// snapshot is how p, of a row in a snapshot, lies to o, of a change.
func (p Position) snapshot(o Position) Order {
	place := o.at
	if len(place) > len(p.at) && strings.HasPrefix(p.log, "sqlserver\x00") {
		place = place[:len(p.at)] // a snapshot of SQL Server has the commit alone
	}
	switch {
	case place > p.at:
		return Older
	case place == p.at:
		return p.tie
	case !p.loose:
		return Newer
	case o.commit != "" && o.commit >= p.at:
		return Older // others had committed behind the snapshot before this one did
	}
	return Unknown
}

// numbers are members of the source as numbers without sign, in a form that sorts. ok is false where one is lacking.
func (e *Event) numbers(names ...string) (string, bool) {
	var out []byte
	for _, name := range names {
		n, err := strconv.ParseUint(text(e.source[name]), 10, 64)
		if err != nil {
			return "", false
		}
		out = binary.BigEndian.AppendUint64(out, n)
	}
	return string(out), true
}

// committed is the position of the last commit before that of e, from the list that Postgres' events have: ["24023119","24023128"].
func (e *Event) committed() string {
	list := text(e.source["sequence"])
	first, _, ok := strings.Cut(strings.Trim(list, "[] "), ",")
	if !ok {
		return ""
	}
	n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(first), `"`), 10, 64)
	if err != nil {
		return ""
	}
	return string(binary.BigEndian.AppendUint64(nil, n))
}
