package debezium

import "fmt"

// Boundary is the beginning or the end of a transaction, from the topic that a connector with transaction metadata writes beside those of
// tables.
type Boundary struct {
	ID     string
	End    bool
	Counts map[string]int64 // events of each table, at the end
}

// Boundary reads value. err wraps tree.ErrNotJSON, tree.ErrNotUTF8 or ErrNotEnvelope. connector is that of the events: their transactions
// have the same ids.
func (r *Reader) Boundary(connector string, value []byte) (*Boundary, error) {
	payload, err := r.payload(value)
	if err != nil {
		return nil, err
	}
	id, status := text(payload["id"]), text(payload["status"])
	if id == "" || status != "BEGIN" && status != "END" {
		return nil, fmt.Errorf("%w: it has no id, and no status that is BEGIN or END", ErrNotEnvelope)
	}
	b := &Boundary{ID: transactionID(connector, id), End: status == "END"}
	if !b.End {
		return b, nil
	}
	list, ok := payload["data_collections"].([]any)
	if !ok && payload["data_collections"] != nil {
		return nil, fmt.Errorf("%w: its data_collections are no list", ErrNotEnvelope)
	}
	b.Counts = make(map[string]int64, len(list))
	for _, item := range list {
		object, _ := item.(map[string]any)
		name := text(object["data_collection"])
		n, ok := number(object["event_count"])
		if name == "" || !ok || n < 0 {
			return nil, fmt.Errorf("%w: a member of its data_collections has no name and event_count", ErrNotEnvelope)
		}
		if _, twice := b.Counts[name]; twice {
			return nil, fmt.Errorf("%w: two members of its data_collections are of %.80s", ErrNotEnvelope, name)
		}
		b.Counts[name] = n
	}
	return b, nil
}
