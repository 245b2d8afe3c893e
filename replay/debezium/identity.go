package debezium

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNoIdentity says that the position of an event does not tell it from others.
var ErrNoIdentity = errors.New("its position is no identity")

// What of a source makes a change one change, by connector. The time is that of the log, so it comes again with the event; it tells apart
// what stands at one place of two logs of one name, as after a reset. Where some of may are there, they count.
var positions = map[string]struct{ must, may []string }{
	"postgresql": {[]string{"ts_ms", "lsn"}, []string{"txId"}},
	"mysql":      {[]string{"ts_ms", "file", "pos", "row"}, []string{"server_id", "gtid"}},
	"mariadb":    {[]string{"ts_ms", "file", "pos", "row"}, []string{"server_id", "gtid"}},
	"sqlserver":  {[]string{"ts_ms", "commit_lsn"}, []string{"change_lsn", "event_serial_no"}},
	"oracle":     {[]string{"ts_ms", "scn"}, []string{"commit_scn", "txId", "rs_id", "ssn", "redo_thread"}},
	"mongodb":    {[]string{"ts_ms", "ord"}, []string{"lsid", "txnNumber"}},
}

// Identity appends to dst what is equal for two events only if they are one change that was sent twice. key is that of the record, nil for
// none. err wraps ErrNoIdentity; then dst is as it was.
func (e *Event) Identity(dst, key []byte) ([]byte, error) {
	fields, known := positions[e.Connector]
	if !known {
		return dst, fmt.Errorf("%w: what tells changes of connector %.40s apart is not known", ErrNoIdentity, e.Connector)
	}
	out := dst
	add := func(s string) { out = append(binary.AppendUvarint(out, uint64(len(s))), s...) }
	for _, s := range []string{e.Connector, e.Name, e.Table, string(e.Op)} {
		add(s)
	}
	for _, name := range fields.must {
		s := text(e.source[name])
		if s == "" {
			return dst, fmt.Errorf("%w: source.%s is null or not there", ErrNoIdentity, name)
		}
		add(s)
	}
	for _, name := range fields.may {
		add(text(e.source[name]))
	}
	if err := e.alone(key); err != nil {
		return dst, err
	}
	if key == nil {
		out = append(out, 0)
	} else {
		out = append(out, 1)
		add(string(key))
	}
	if e.Tx == nil {
		return append(out, 0), nil
	}
	out = append(out, 1)
	add(e.Tx.ID)
	out = binary.AppendVarint(out, e.Tx.Total)
	return out, nil
}

// alone makes sure that no other change can stand at the same place.
func (e *Event) alone(key []byte) error {
	needsKey := func(why string) error {
		if key != nil || e.Tx != nil {
			return nil
		}
		return fmt.Errorf("%w: %s, and the record has neither a key nor a place in a transaction", ErrNoIdentity, why)
	}
	switch {
	case e.Op == Read:
		return needsKey("all rows of a snapshot stand at one place")
	case e.Op == Truncate || e.Op == Message:
		return nil
	case e.Connector == "postgresql":
		return needsKey("rows that one statement has copied stand at one place")
	case e.Connector == "mongodb":
		if (text(e.source["lsid"]) != "" || text(e.source["txnNumber"]) != "") && e.Tx == nil {
			return fmt.Errorf("%w: changes of one transaction stand at one place, and the event has no place in it", ErrNoIdentity)
		}
		return needsKey("several documents can stand at one place")
	case e.Connector == "oracle":
		if e.Tx == nil && (text(e.source["rs_id"]) == "" || text(e.source["ssn"]) == "") {
			return fmt.Errorf("%w: source.rs_id and source.ssn are not there, and several changes have one SCN", ErrNoIdentity)
		}
	case e.Connector == "sqlserver":
		if text(e.source["change_lsn"]) == "" || text(e.source["event_serial_no"]) == "" {
			return fmt.Errorf("%w: source.change_lsn or source.event_serial_no is not there", ErrNoIdentity)
		}
	}
	return nil
}
