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
	"backstitch/replay/source/confluent"

	"github.com/parquet-go/parquet-go"
	pqcompress "github.com/parquet-go/parquet-go/compress"
)

type parquetItem struct {
	SKU string `parquet:"sku"`
	N   int32  `parquet:"n"`
}

type parquetOrder struct {
	ID     int64         `parquet:"id"`
	Amount float64       `parquet:"amount"`
	Note   *string       `parquet:"note,optional"`
	Items  []parquetItem `parquet:"items,list"`
}

const parquetKey = "topics/orders/partition=0/orders+0+0000000000.snappy.parquet"

// BenchmarkParquetAgainstTheLibrary reads an object of a Confluent archive whole: with the library's own reader, each row into a map, since
// an archive's columns are not known to the program; and as an archive, each row as JSON. How the library does with a structure that knows
// the columns is told beside it.
func BenchmarkParquetAgainstTheLibrary(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	const n = 20_000
	note := strings.Repeat("lorem ipsum ", 20)
	rows := make([]parquetOrder, n)
	for i := range rows {
		text := fmt.Sprint(i, note)
		rows[i] = parquetOrder{ID: int64(i), Amount: float64(i) / 4, Note: &text, Items: []parquetItem{{"abc", 1}, {"def", 2}}}
	}
	for name, codec := range map[string]pqcompress.Codec{"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "zstd": &parquet.Zstd} {
		var out bytes.Buffer
		w := parquet.NewGenericWriter[parquetOrder](&out, parquet.Compression(codec))
		if _, err := w.Write(rows); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		path := b.TempDir()
		foreigntest.Files(b, path, map[string][]byte{parquetKey: out.Bytes()})
		all, err := RunRace([]Racer{
			{Name: "library", Run: func() (int64, error) { return parquetByLibrary(path, maps) }},
			{Name: "structure", Run: func() (int64, error) { return parquetByLibrary(path, structures) }},
			{Name: "json", Run: func() (int64, error) { return parquetAsArchive(path, n) }},
		}, *scanRounds, rand.New(rand.NewPCG(*seed, 0)))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range all {
			what := r.Name
			if r.Control {
				what += " A/A"
			}
			fmt.Printf("parquet %-10s %-12s %s\n", name, what, r)
		}
	}
}

// rowReader is the library's reader of rows.
type rowReader interface{ Read(row any) error }

func parquetByLibrary(path string, read func(rowReader) (int64, error)) (n int64, err error) {
	text, err := os.ReadFile(filepath.Join(path, parquetKey))
	if err != nil {
		return 0, err
	}
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return 0, err
	}
	r := parquet.NewReader(f)
	defer r.Close() //nolint:errcheck // it was only read
	n, err = read(r)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func maps(r rowReader) (n int64, err error) {
	for {
		row := map[string]any{}
		if err := r.Read(&row); err != nil {
			return n, err
		}
		n++
	}
}

func structures(r rowReader) (n int64, err error) {
	for {
		var row parquetOrder
		if err := r.Read(&row); err != nil {
			return n, err
		}
		n++
	}
}

func parquetAsArchive(path string, n int64) (int64, error) {
	store, err := dir.Open(path)
	if err != nil {
		return 0, err
	}
	defer store.Close() //nolint:errcheck // it was only read
	cfg := confluent.DefaultConfig("orders")
	cfg.Format, cfg.Values = foreign.Parquet, foreign.AsJSON
	a, err := confluent.New(store, cfg)
	if err != nil {
		return 0, err
	}
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: 1 << 40}}}
	for in, err := range store.List(context.Background(), "topics/") {
		if err != nil {
			return 0, err
		}
		slice.Objects = []partition.Object{{Key: parquetKey, ETag: in.ETag, Size: in.Size, Count: n}}
	}
	return drain(a, slice, func([]byte) error { return nil })
}
