package debezium_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/debezium"
	"backstitch/replay/tree"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Envelopes that are drawn, and spelt in one of the many ways that say the same.

// told is what an event says. Members of source are texts of JSON.
type told struct {
	op, connector string
	source        map[string]string
	key           []byte
	tx            *debezium.Transaction
	table         string
}

var drawnPositions = map[string][]string{
	"postgresql": {"ts_ms", "lsn", "txId"}, "mysql": {"ts_ms", "file", "pos", "row", "server_id", "gtid"}, "mariadb": {"ts_ms", "file", "pos", "row", "gtid"},
	"sqlserver": {"ts_ms", "commit_lsn", "change_lsn", "event_serial_no"}, "oracle": {"ts_ms", "scn", "commit_scn", "rs_id", "ssn", "redo_thread"},
	"mongodb": {"ts_ms", "ord"},
}

func drawTold(t *rapid.T) told {
	x := told{source: map[string]string{}, key: []byte(`{"id":1}`)}
	x.op = rapid.SampledFrom([]string{"c", "u", "d"}).Draw(t, "op")
	x.connector = rapid.SampledFrom(slices.Sorted(maps.Keys(drawnPositions))).Draw(t, "connector")
	for _, name := range drawnPositions[x.connector] {
		digits := fmt.Sprint(rapid.Uint64().Draw(t, name))
		if rapid.Bool().Draw(t, "as text") {
			digits = `"` + digits + `"`
		}
		x.source[name] = digits
	}
	x.source["connector"], x.source["name"] = `"`+x.connector+`"`, `"shop"`
	x.source["db"], x.source["schema"], x.source["table"] = `"d"`, `"public"`, `"orders"`
	switch x.connector {
	case "postgresql":
		x.table = "public.orders"
	case "mongodb":
		x.source["collection"], x.table = `"carts"`, "d.carts"
	default:
		x.table = "d.public.orders"
	}
	if rapid.Bool().Draw(t, "in a transaction") {
		x.tx = &debezium.Transaction{ID: "571", Total: rapid.Int64Range(1, 1<<62).Draw(t, "total"), Collection: rapid.Int64Range(1, 1<<62).Draw(t, "of the table")}
	}
	return x
}

// spelt is x as JSON, its members in any order and with any blanks, bare or beside a schema, with members that nobody asks for.
func spelt(t *rapid.T, x told) string {
	blank := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n", "\t "}).Draw(t, "blank") }
	object := func(members map[string]string) string {
		names := rapid.Permutation(slices.Sorted(maps.Keys(members))).Draw(t, "order")
		var list []string
		for _, n := range names {
			list = append(list, blank()+`"`+n+`"`+blank()+":"+blank()+members[n]+blank())
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	source := maps.Clone(x.source)
	source["version"], source["snapshot"] = `"3.0.0.Final"`, "false"
	row := `{"id":1,"id":2,"price":1e400,"note":"\ud83d\ude00"}`
	event := map[string]string{"op": `"` + x.op + `"`, "source": object(source), "before": "null", "after": row, "ts_ns": "1795132800000000001"}
	if x.tx != nil {
		id := x.tx.ID
		if x.connector == "postgresql" {
			id += ":53195829"
		}
		event["transaction"] = object(map[string]string{"id": `"` + id + `"`, "total_order": fmt.Sprint(x.tx.Total), "data_collection_order": fmt.Sprintf(`"%d"`, x.tx.Collection)})
	} else if rapid.Bool().Draw(t, "no transaction, and says so") {
		event["transaction"] = "null"
	}
	text := object(event)
	if rapid.Bool().Draw(t, "beside a schema") {
		text = object(map[string]string{"schema": `{"type":"struct","fields":[]}`, "payload": text})
	}
	return text
}

// identity is that of a value, and whether it has one.
func identity(t *rapid.T, value string, key []byte) ([]byte, error) {
	e, err := new(debezium.Reader).Event([]byte(value))
	if err != nil {
		return nil, err
	}
	return e.Identity(nil, key)
}

// TestEventsDrawn: what an envelope says is read however it is spelt, and one change has one identity.
func TestEventsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTold(t)
		one, two := spelt(t, x), spelt(t, x)
		e, err := new(debezium.Reader).Event([]byte(one))
		if err != nil {
			t.Fatalf("%s: %v", one, err)
		}
		if string(e.Op) != x.op || e.Connector != x.connector || e.Name != "shop" || e.Table != x.table || cmp.Diff(x.tx, e.Tx) != "" {
			t.Fatalf("%s: got %+v and %+v, want %+v", one, e, e.Tx, x)
		}
		a, errA := identity(t, one, x.key)
		b, errB := identity(t, two, x.key)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("one change, spelt in two ways, has identities %q and %q, %v, %v", a, b, errA, errB)
		}
	})
}

// TestChangesApartDrawn: two events that differ in any part of what tells changes apart have two identities.
func TestChangesApartDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTold(t)
		y := x
		y.source = maps.Clone(x.source)
		what := rapid.SampledFrom(append(slices.Clone(drawnPositions[x.connector]), "op", "name", "key", "total")).Draw(t, "what")
		switch what {
		case "op":
			y.op = map[string]string{"c": "u", "u": "d", "d": "c"}[x.op]
		case "name":
			y.source["name"] = `"shop2"`
		case "key":
			y.key = []byte(`{"id":2}`)
		case "total":
			if x.tx == nil {
				y.tx = &debezium.Transaction{ID: "571", Total: 1, Collection: 1}
				break
			}
			tx := *x.tx
			tx.Total ^= 1 << 60
			tx.Total = max(tx.Total, 1)
			y.tx = &tx
		default:
			y.source[what] = fmt.Sprintf(`"%s1"`, strings.Trim(x.source[what], `"`))
		}
		a, errA := identity(t, spelt(t, x), x.key)
		b, errB := identity(t, spelt(t, y), y.key)
		if errA != nil || errB != nil || bytes.Equal(a, b) {
			t.Fatalf("two changes that differ in %s have identities %q and %q, %v, %v", what, a, b, errA, errB)
		}
	})
}

// TestEventsDrawnAndHurt: an envelope that is cut, or in which a member that counts stands twice, is none, or has no identity. It would be that of
// another change, and what is taken for a repetition is not written.
func TestEventsDrawnAndHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTold(t)
		text := spelt(t, x)
		if rapid.Bool().Draw(t, "cut") {
			text = text[:rapid.IntRange(0, len(text)-1).Draw(t, "length")]
			if _, err := new(debezium.Reader).Event([]byte(text)); err == nil || !errors.Is(err, tree.ErrNotJSON) && !errors.Is(err, debezium.ErrNotEnvelope) {
				t.Fatalf("%s is cut: %v", text, err)
			}
			return
		}
		names := append(slices.Sorted(maps.Keys(x.source)), "op", "source")
		if x.tx != nil {
			names = append(names, "transaction", "total_order")
		}
		name := rapid.SampledFrom(names).Draw(t, "twice")
		again := rapid.SampledFrom([]string{`null`, `"x"`, `1`, `{}`}).Draw(t, "says")
		place := strings.Index(text, `"`+name+`"`)
		if name == "name" || name == "schema" || name == "table" {
			place = strings.Index(text, `"connector"`) // a member of that name is elsewhere, too
		}
		text = text[:place] + `"` + name + `":` + again + `,` + text[place:]
		if got, err := identity(t, text, x.key); err == nil {
			t.Fatalf("%s says %s twice, and has identity %q", text, name, got)
		}
	})
}
