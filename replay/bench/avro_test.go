package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/ocf"
	"backstitch/replay/source/confluent"

	twmb "github.com/twmb/avro/ocf"
)

const avroOrder = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"},{"name":"note","type":["null","string"]},` +
	`{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"},{"name":"n","type":"int"}]}}}]}`

// BenchmarkAvroAgainstTheLibrary reads an object of a Confluent archive whole: with the library's own reader, each datum into a map, and as an
// archive with the number of the schema in front of each datum, or as JSON.
func BenchmarkAvroAgainstTheLibrary(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	const n = 50_000
	items := []any{map[string]any{"sku": "abc", "n": 1}, map[string]any{"sku": "def", "n": 2}}
	datums := make([][]byte, n)
	for i := range datums {
		datums[i] = foreigntest.Datum(avroOrder, map[string]any{"id": i, "amount": float64(i) / 4, "note": strings.Repeat("lorem ipsum ", 20), "items": items})
	}
	schema, err := ocf.ParseSchema([]byte(avroOrder))
	if err != nil {
		b.Fatal(err)
	}
	for _, codec := range []string{"null", "snappy", "zstandard"} {
		body := foreigntest.AvroObject(avroOrder, codec, 200, datums...)
		path := b.TempDir()
		foreigntest.Files(b, path, map[string][]byte{"topics/orders/partition=0/orders+0+0000000000.avro": body})
		as := func(r foreign.Rendering) func() (int64, error) {
			return func() (int64, error) { return readAvro(path, r, foreign.Number{ID: 1, Print: schema.Print()}) }
		}
		all, err := RunRace([]Racer{
			{Name: "library", Run: func() (int64, error) { return readByLibrary(path) }},
			{Name: "framed", Run: as(foreign.AsFramed)}, {Name: "json", Run: as(foreign.AsJSON)},
		}, *scanRounds, rand.New(rand.NewPCG(*seed, 0)))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range all {
			what := r.Name
			if r.Control {
				what += " A/A"
			}
			fmt.Printf("avro %-10s %-12s %s\n", codec, what, r)
		}
	}
}

func readByLibrary(path string) (n int64, err error) {
	text, err := os.ReadFile(filepath.Join(path, "topics/orders/partition=0/orders+0+0000000000.avro"))
	if err != nil {
		return 0, err
	}
	r, err := twmb.NewReader(bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for {
		var v any
		if err := r.Decode(&v); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

func readAvro(path string, as foreign.Rendering, number foreign.Number) (int64, error) {
	store, err := dir.Open(path)
	if err != nil {
		return 0, err
	}
	defer store.Close() //nolint:errcheck // it was only read
	cfg := confluent.DefaultConfig("orders")
	cfg.Format, cfg.Values, cfg.Numbers = foreign.Avro, as, []foreign.Number{number}
	a, err := confluent.New(store, cfg)
	if err != nil {
		return 0, err
	}
	key := "topics/orders/partition=0/orders+0+0000000000.avro"
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: 1 << 40}}}
	for in, err := range store.List(context.Background(), "topics/") {
		if err != nil {
			return 0, err
		}
		slice.Objects = []partition.Object{{Key: key, ETag: in.ETag, Size: in.Size, Count: -1}}
	}
	return drain(a, slice, func([]byte) error { return nil })
}
