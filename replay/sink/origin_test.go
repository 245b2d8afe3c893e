package sink

import (
	"testing"

	"backstitch/replay/record"
)

func TestOriginOf(t *testing.T) {
	job := record.Header{Key: JobHeader, Value: []byte("bs-1")}
	from := func(s string) record.Header { return record.Header{Key: OriginHeader, Value: []byte(s)} }
	for _, tc := range []struct {
		name string
		hs   []record.Header
		want Origin
		ok   bool
	}{
		{"a job's record", []record.Header{from("orders/3/4711"), job}, Origin{"orders", 3, 4711}, true},
		{"the last one counts", []record.Header{from("orders/3/1"), job, from("orders/3/2")}, Origin{"orders", 3, 2}, true},
		{"no job", []record.Header{from("orders/3/4711")}, Origin{}, false},
		{"no origin", []record.Header{job}, Origin{}, false},
		{"no partition", []record.Header{from("orders/4711"), job}, Origin{}, false},
		{"no number", []record.Header{from("orders/x/4711"), job}, Origin{}, false},
		{"below zero", []record.Header{from("orders/3/-1"), job}, Origin{}, false},
		{"more behind it", []record.Header{from("orders/3/4711/5"), job}, Origin{}, false},
		{"null", []record.Header{{Key: OriginHeader}, job}, Origin{}, false},
	} {
		got, ok := OriginOf(&record.Record{Headers: tc.hs})
		if got != tc.want || ok != tc.ok {
			t.Errorf("%s: got %+v, %t, want %+v, %t", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}
