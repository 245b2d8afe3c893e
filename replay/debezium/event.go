package debezium

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/tree"
)

// ErrNotEnvelope says that a value is no change event of Debezium.
var ErrNotEnvelope = errors.New("no Debezium envelope")

// Op is what happened, as the envelope spells it.
type Op string

// The operations.
const (
	Create   Op = "c"
	Update   Op = "u"
	Delete   Op = "d"
	Read     Op = "r" // a snapshot has read the row
	Truncate Op = "t"
	Message  Op = "m" // written into the log by an application
)

func (o Op) known() bool { return strings.Contains("cudrtm", string(o)) && len(o) == 1 }

// Event is one change. It holds nothing of the value that it was read from.
type Event struct {
	Op        Op
	Connector string // such as postgresql
	Name      string // of the connector, which topics begin with
	Table     string // with database and schema as far as the connector has them, in the form of transaction metadata
	Tx        *Transaction

	source map[string]any
}

// Transaction is the place of an event in the transaction that it belongs to, from 1.
type Transaction struct {
	ID         string
	Total      int64 // among all events of the transaction
	Collection int64 // among those of the same table
}

// Reader reads values. It is for one goroutine.
type Reader struct{ parser tree.Parser }

// Event reads value. err wraps tree.ErrNotJSON, tree.ErrNotUTF8 or ErrNotEnvelope.
func (r *Reader) Event(value []byte) (*Event, error) {
	payload, err := r.payload(value)
	if err != nil {
		return nil, err
	}
	op, _ := payload["op"].(string)
	source, _ := payload["source"].(map[string]any)
	if source == nil || !Op(op).known() {
		return nil, fmt.Errorf("%w: it has no op and source", ErrNotEnvelope)
	}
	for name, v := range source {
		if _, twice := v.(tree.Twice); twice {
			// What is not there is no part of an identity, and two changes must not have one because neither says it clearly.
			return nil, fmt.Errorf("%w: two members of its source are called %.40s", ErrNotEnvelope, name)
		}
	}
	e := &Event{Op: Op(op), Connector: text(source["connector"]), Name: text(source["name"]), source: source}
	if e.Connector == "" {
		return nil, fmt.Errorf("%w: its source names no connector", ErrNotEnvelope)
	}
	e.Table = table(e.Connector, source)
	if e.Tx, err = transaction(e.Connector, payload["transaction"]); err != nil {
		return nil, err
	}
	return e, nil
}

// payload is the object that an envelope is, without the schema beside it.
func (r *Reader) payload(value []byte) (map[string]any, error) {
	if value == nil {
		return nil, fmt.Errorf("%w: the record has no value", ErrNotEnvelope)
	}
	doc, err := r.parser.Parse(value)
	if err != nil {
		return nil, err
	}
	object, ok := doc.Root.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: it is of type %s", ErrNotEnvelope, tree.Kind(doc.Root))
	}
	if _, wrapped := object["schema"]; wrapped {
		if inner, ok := object["payload"].(map[string]any); ok && len(object) == 2 {
			return inner, nil
		}
	}
	return object, nil
}

// table is what the connector calls the table in the metadata of transactions: Postgres leaves out the database, MySQL has no schemas.
func table(connector string, source map[string]any) string {
	var parts []string
	add := func(names ...string) {
		for _, n := range names {
			if s := text(source[n]); s != "" {
				parts = append(parts, s)
			}
		}
	}
	switch connector {
	case "postgresql":
		add("schema", "table")
	case "mongodb":
		add("db", "collection")
	default:
		add("db", "schema", "table")
	}
	return strings.Join(parts, ".")
}

// transaction reads the place in a transaction; nil where there is none.
func transaction(connector string, v any) (*Transaction, error) {
	if v == nil {
		return nil, nil
	}
	object, _ := v.(map[string]any)
	id := text(object["id"])
	total, ok := number(object["total_order"])
	each, too := number(object["data_collection_order"])
	if id == "" || !ok || !too || total < 1 || each < 1 {
		return nil, fmt.Errorf("%w: its transaction has no id, total_order and data_collection_order", ErrNotEnvelope)
	}
	return &Transaction{ID: transactionID(connector, id), Total: total, Collection: each}, nil
}

// transactionID is what events and both ends of one transaction have in common. Of Postgres it is the number in front of a colon: what
// stands behind it is the position of the event at hand.
func transactionID(connector, id string) string {
	if connector == "postgresql" {
		if head, _, ok := strings.Cut(id, ":"); ok && head != "" {
			return head
		}
	}
	return id
}

// text is a string, or a number as it is spelt; "" for everything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return ""
}

// number is a whole number, also one that is spelt as a string.
func number(v any) (int64, bool) {
	n, err := strconv.ParseInt(text(v), 10, 64)
	return n, err == nil
}
