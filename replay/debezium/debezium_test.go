package debezium_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/debezium"
	"backstitch/replay/tree"
)

func event(t *testing.T, value string) *debezium.Event {
	t.Helper()
	e, err := new(debezium.Reader).Event([]byte(value))
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return e
}

// change is an event of a connector with members of its source.
func change(op, connector, source string) string {
	return fmt.Sprintf(`{"op":%q,"source":{"connector":%q,"name":"shop","ts_ms":1700000000123,"db":"d","schema":"public","table":"orders",%s},"after":{"id":1}}`, op, connector, source)
}

func TestEvents(t *testing.T) {
	bare := `{"before":null,"after":{"id":1},"source":{"connector":"postgresql","name":"shop","db":"d","schema":"public","table":"orders"},"op":"c","transaction":{"id":"571:53195829","total_order":"2","data_collection_order":1}}`
	for _, value := range []string{bare, `{"schema":{"type":"struct"},"payload":` + bare + `}`} {
		e := event(t, value)
		if e.Op != debezium.Create || e.Connector != "postgresql" || e.Table != "public.orders" || *e.Tx != (debezium.Transaction{ID: "571", Total: 2, Collection: 1}) {
			t.Errorf("got %+v, %+v", e, e.Tx)
		}
	}
	if e := event(t, change("r", "mysql", `"file":"b.1"`)); e.Tx != nil || e.Table != "d.public.orders" {
		t.Errorf("a row of a snapshot: got %+v", e)
	}
	for value, want := range map[string]error{
		`{"id":1}`: debezium.ErrNotEnvelope, `[1]`: debezium.ErrNotEnvelope, `{"op":"x","source":{"connector":"mysql"}}`: debezium.ErrNotEnvelope,
		`{"op":"c","source":{}}`: debezium.ErrNotEnvelope, `{"op":"c"`: tree.ErrNotJSON, "\"\xff\"": tree.ErrNotUTF8,
		`{"op":"c","source":{"connector":"mysql"},"transaction":{"id":"1","total_order":0,"data_collection_order":1}}`: debezium.ErrNotEnvelope,
		`{"op":"c","op":"d","source":{"connector":"mysql"}}`:                                                           debezium.ErrNotEnvelope,
	} {
		if _, err := new(debezium.Reader).Event([]byte(value)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", value, err, want)
		}
	}
	if _, err := new(debezium.Reader).Event(nil); !errors.Is(err, debezium.ErrNotEnvelope) {
		t.Errorf("a tombstone: %v", err)
	}
}

// Both ends of a transaction of Postgres and its events have one id, though each has its own position behind it.
func TestBoundaries(t *testing.T) {
	r := new(debezium.Reader)
	b, err := r.Boundary("postgresql", []byte(`{"status":"BEGIN","id":"571:53195829","event_count":null,"data_collections":null}`))
	if err != nil || b.End || b.ID != "571" {
		t.Errorf("begin: got %+v, %v", b, err)
	}
	b, err = r.Boundary("postgresql", []byte(`{"schema":{},"payload":{"status":"END","id":"571:53195832","event_count":3,"data_collections":[{"data_collection":"public.a","event_count":1},{"data_collection":"public.b","event_count":2}]}}`))
	if err != nil || !b.End || b.ID != "571" || b.Counts["public.b"] != 2 {
		t.Errorf("end: got %+v, %v", b, err)
	}
	for _, value := range []string{`{"status":"MIDDLE","id":"1"}`, `{"status":"END"}`, `{"status":"END","id":"1","data_collections":{}}`, `{"status":"END","id":"1","data_collections":[{"event_count":1}]}`,
		`{"status":"END","id":"1","data_collections":[{"data_collection":"a","event_count":1},{"data_collection":"a","event_count":2}]}`} {
		if _, err := r.Boundary("mysql", []byte(value)); !errors.Is(err, debezium.ErrNotEnvelope) {
			t.Errorf("%s: got %v", value, err)
		}
	}
}

func TestPositions(t *testing.T) {
	const pg, my, ms, ora, mongo = "postgresql", "mysql", "sqlserver", "oracle", "mongodb"
	for name, c := range map[string]struct {
		a, b string
		want debezium.Order
	}{
		"postgres, later":                          {change("u", pg, `"lsn":200`), change("u", pg, `"lsn":100`), debezium.Newer},
		"postgres, more digits":                    {change("u", pg, `"lsn":99`), change("u", pg, `"lsn":100`), debezium.Older},
		"postgres, the same":                       {change("u", pg, `"lsn":99`), change("u", pg, `"lsn":99`), debezium.Same},
		"a snapshot and what came behind":          {change("r", pg, `"lsn":100`), change("u", pg, `"lsn":100`), debezium.Older},
		"a snapshot and an open transaction":       {change("r", pg, `"lsn":100`), change("u", pg, `"lsn":90,"sequence":"[\"120\",\"90\"]"`), debezium.Older},
		"a snapshot and nobody knows":              {change("r", pg, `"lsn":100`), change("u", pg, `"lsn":90,"sequence":"[\"80\",\"90\"]"`), debezium.Unknown},
		"a chunk of an incremental snapshot":       {change("r", pg, `"lsn":100,"snapshot":"incremental"`), change("u", pg, `"lsn":90`), debezium.Newer},
		"mysql, next file":                         {change("u", my, `"file":"binlog.000010","pos":4,"row":0`), change("u", my, `"file":"binlog.000009","pos":900,"row":0`), debezium.Newer},
		"mysql, next row":                          {change("u", my, `"file":"b.1","pos":4,"row":0`), change("u", my, `"file":"b.1","pos":4,"row":1`), debezium.Older},
		"mysql, other logs":                        {change("u", my, `"file":"a.1","pos":4,"row":0`), change("u", my, `"file":"b.1","pos":4,"row":1`), debezium.Unknown},
		"mysql, other servers":                     {change("u", my, `"server_id":1,"file":"b.1","pos":4,"row":0`), change("u", my, `"server_id":2,"file":"b.1","pos":4,"row":1`), debezium.Unknown},
		"mysql, a snapshot":                        {change("r", my, `"server_id":0,"file":"b.1","pos":4,"row":0`), change("u", my, `"server_id":2,"file":"b.1","pos":5,"row":1`), debezium.Older},
		"mysql, a snapshot behind":                 {change("r", my, `"server_id":0,"file":"b.1","pos":4,"row":0`), change("u", my, `"server_id":2,"file":"b.1","pos":3,"row":1`), debezium.Newer},
		"sqlserver":                                {change("u", ms, `"commit_lsn":"0000:0ac0:0002","change_lsn":"0000:0AC0:0001","event_serial_no":2`), change("u", ms, `"commit_lsn":"0000:0ac0:0002","change_lsn":"0000:0ac0:0001","event_serial_no":1`), debezium.Newer},
		"sqlserver, a snapshot at a commit":        {change("r", ms, `"commit_lsn":"0000:0ac0:0002"`), change("u", ms, `"commit_lsn":"0000:0ac0:0002","change_lsn":"0000:0ac0:0001","event_serial_no":1`), debezium.Unknown},
		"sqlserver, a snapshot before one":         {change("r", ms, `"commit_lsn":"0000:0ac0:0001"`), change("u", ms, `"commit_lsn":"0000:0ac0:0002","change_lsn":"0000:0ac0:0001","event_serial_no":1`), debezium.Older},
		"oracle goes by commits":                   {change("u", ora, `"scn":"5","commit_scn":"9"`), change("u", ora, `"scn":"6","commit_scn":"8"`), debezium.Newer},
		"oracle, a snapshot of a commit":           {change("r", ora, `"scn":"8"`), change("u", ora, `"scn":"6","commit_scn":"8"`), debezium.Newer},
		"oracle, a snapshot before a commit":       {change("r", ora, `"scn":"7"`), change("u", ora, `"scn":"6","commit_scn":"8"`), debezium.Older},
		"mongodb":                                  {change("u", mongo, `"ord":2`), change("u", mongo, `"ord":1`), debezium.Newer},
		"a part is lacking":                        {change("u", pg, `"lsn":null`), change("u", pg, `"lsn":1`), debezium.Unknown},
		"a connector whose positions nobody knows": {change("u", "vitess", `"vgtid":"1"`), change("u", "vitess", `"vgtid":"2"`), debezium.Unknown},
		"a number that is none":                    {change("u", pg, `"lsn":-1`), change("u", pg, `"lsn":1`), debezium.Unknown},
		"another table":                            {strings.Replace(change("u", pg, `"lsn":1`), "orders", "lines", 1), change("u", pg, `"lsn":2`), debezium.Unknown},
	} {
		a, b := event(t, c.a).Position(), event(t, c.b).Position()
		if got := a.Against(b); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
		back := map[debezium.Order]debezium.Order{debezium.Newer: debezium.Older, debezium.Older: debezium.Newer}
		want, ok := back[c.want]
		if !ok {
			want = c.want
		}
		if got := b.Against(a); got != want {
			t.Errorf("%s, the other way: got %d, want %d", name, got, want)
		}
	}
}

func TestIdentities(t *testing.T) {
	const pg, my, ora, mongo = "postgresql", "mysql", "oracle", "mongodb"
	key, other := []byte(`{"id":1}`), []byte(`{"id":2}`)
	for name, c := range map[string]struct {
		a, b       string
		ak, bk     []byte
		same, none bool
	}{
		"sent twice, and serialised otherwise": {a: change("u", pg, `"lsn":1,"txId":7`), b: strings.ReplaceAll(change("u", pg, `"txId":7, "lsn":1`), `:{"id"`, `: {"id"`), ak: key, bk: key, same: true},
		"another position":                     {a: change("u", pg, `"lsn":1,"txId":7`), b: change("u", pg, `"lsn":2,"txId":7`), ak: key, bk: key},
		"rows of one COPY":                     {a: change("c", pg, `"lsn":1,"txId":7`), b: change("c", pg, `"lsn":1,"txId":7`), ak: key, bk: other},
		"rows of one COPY without keys":        {a: change("c", pg, `"lsn":1,"txId":7`), none: true},
		"a key that changes":                   {a: change("d", pg, `"lsn":1,"txId":7`), b: change("c", pg, `"lsn":1,"txId":7`), ak: key, bk: key},
		"no key is no empty key":               {a: change("u", my, `"file":"b.1","pos":4,"row":0`), b: change("u", my, `"file":"b.1","pos":4,"row":0`), ak: nil, bk: []byte{}},
		"rows of a snapshot":                   {a: change("r", my, `"file":"b.1","pos":4,"row":0`), b: change("r", my, `"file":"b.1","pos":4,"row":0`), ak: key, bk: other},
		"rows of a snapshot without keys":      {a: change("r", my, `"file":"b.1","pos":4,"row":0`), none: true},
		"a log that began anew":                {a: change("u", my, `"file":"b.1","pos":4,"row":0`), b: strings.Replace(change("u", my, `"file":"b.1","pos":4,"row":0`), "1700000000123", "1800000000123", 1), ak: key, bk: key},
		"oracle without its redo record":       {a: change("u", ora, `"scn":"5","commit_scn":"6"`), ak: key, none: true},
		"oracle":                               {a: change("u", ora, `"scn":"5","rs_id":"x","ssn":0`), b: change("u", ora, `"scn":"5","rs_id":"x","ssn":0`), ak: key, bk: key, same: true},
		"mongodb in a transaction":             {a: change("u", mongo, `"ord":5,"txnNumber":3,"lsid":"x"`), ak: key, none: true},
		"a connector that nobody knows":        {a: change("u", "vitess", `"vgtid":"1"`), ak: key, none: true},
		"no position":                          {a: change("u", pg, `"lsn":null`), ak: key, none: true},
	} {
		a, err := event(t, c.a).Identity(nil, c.ak)
		if c.none {
			if !errors.Is(err, debezium.ErrNoIdentity) || len(a) > 0 {
				t.Errorf("%s: got %q, %v, want none", name, a, err)
			}
			continue
		}
		b, err2 := event(t, c.b).Identity(nil, c.bk)
		if err != nil || err2 != nil || (string(a) == string(b)) != c.same {
			t.Errorf("%s: got %q and %q, %v, %v, want same %t", name, a, b, err, err2, c.same)
		}
	}
}

// Whatever stands in a value, reading it ends, and what is read compares with itself.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		change("u", "postgresql", `"lsn":1,"txId":7,"sequence":"[\"1\",\"2\"]"`), change("r", "mysql", `"file":"b.1","pos":4,"row":0`),
		change("d", "sqlserver", `"commit_lsn":"00:1","change_lsn":"00:2","event_serial_no":1`), change("c", "oracle", `"scn":"5","commit_scn":"9"`), change("c", "mongodb", `"ord":1`),
		`{"schema":{},"payload":{"status":"END","id":"1","data_collections":[{"data_collection":"a","event_count":1}]}}`, strings.Repeat(`{"payload":`, 200), `{"op":"c","source":{"connector":"mysql","file":".","pos":18446744073709551616}}`,
	} {
		f.Add([]byte(seed), []byte("k"))
	}
	var r debezium.Reader
	f.Fuzz(func(t *testing.T, value, key []byte) {
		_, _ = r.Boundary("postgresql", value)
		e, err := r.Event(value)
		if err != nil {
			return
		}
		p := e.Position()
		if got := p.Against(p); got != debezium.Same && got != debezium.Unknown {
			t.Errorf("a position beside itself: %d", got)
		}
		a, erra := e.Identity(nil, key)
		b, errb := e.Identity(nil, key)
		if string(a) != string(b) || (erra == nil) != (errb == nil) {
			t.Errorf("two identities of one event: %q and %q", a, b)
		}
	})
}
