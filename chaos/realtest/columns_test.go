//go:build real

package realtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/record"
	"backstitch/replay/sink/objects"
)

const orderSchema = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]},` +
	`{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},` +
	`{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}}},{"name":"rates","type":{"type":"map","values":"double"}},` +
	`{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"kind","type":["string","long"]}]}`

// TestJavaReadsValuesAsColumns has Apache Avro and Apache Parquet say what the fields of values are that became columns.
func TestJavaReadsValuesAsColumns(t *testing.T) {
	t.Parallel()
	schema, err := datum.Parse(orderSchema)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var rs []record.Record
	var lines []string
	for i := range 500 {
		value, line := anyOrder(rng)
		rs, lines = append(rs, record.Record{Offset: partition.Offset(i), Value: value}), append(lines, line)
	}
	var files, want []string
	for i, format := range []objects.Format{objects.Avro, objects.Parquet} {
		cfg := objects.Config{Topic: "orders", Format: format, Columns: &objects.Columns{Schemas: map[uint32]*datum.Schema{7: schema}}}
		file := writeFile(t, cfg, partition.JobID(fmt.Sprint("bs-", i)), rs)
		files = append(files, file)
		want = append(append(want, "file "+filepath.Base(file)), lines...)
	}
	differ(t, "columns", judge(t, "Columns", files...), want)
}

// anyOrder is a value, and what the judge has to say of it.
func anyOrder(rng *rand.Rand) (value []byte, line string) {
	if rng.IntN(10) == 0 {
		return nil, "null"
	}
	text := func() string { return []string{"", "a", "é\U0001f600", "x y"}[rng.IntN(4)] }
	var said strings.Builder
	id := int64(rng.Uint64())
	d := ocf.AppendLong([]byte{0, 0, 0, 0, 7}, id)
	fmt.Fprintf(&said, "7 %d ", id)
	if rng.IntN(2) == 0 {
		d = ocf.AppendLong(d, 0)
		said.WriteString("null [")
	} else {
		note := text()
		d = ocf.AppendBytes(ocf.AppendLong(d, 1), []byte(note))
		said.WriteString(note + " [")
	}
	n := rng.IntN(4)
	if n > 0 {
		d = ocf.AppendLong(d, int64(n))
	}
	for range n {
		sku, price := text(), binary.BigEndian.AppendUint32(nil, rng.Uint32())
		d = ocf.AppendBytes(ocf.AppendBytes(d, []byte(sku)), price)
		said.WriteString(" " + sku + "=" + hex.EncodeToString(price))
	}
	said.WriteString(" ] {")
	d = ocf.AppendLong(d, 0)
	if rng.IntN(2) == 0 {
		d = ocf.AppendBytes(ocf.AppendLong(d, 1), []byte("eur"))
		d = binary.LittleEndian.AppendUint64(d, 0x3ff8000000000000)
		said.WriteString("eur=1.5")
	}
	at := rng.Int64N(1e15)
	d = ocf.AppendLong(ocf.AppendLong(d, 0), at)
	fmt.Fprintf(&said, "} %d ", at)
	if rng.IntN(2) == 0 {
		kind := text()
		d = ocf.AppendBytes(ocf.AppendLong(d, 0), []byte(kind))
		said.WriteString("0:" + kind)
	} else {
		d = ocf.AppendLong(ocf.AppendLong(d, 1), id)
		fmt.Fprintf(&said, "1:%d", id)
	}
	return d, said.String()
}
