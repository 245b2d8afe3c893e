package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/datum"
	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"

	"github.com/twmb/avro"
)

// An order before and after three steps: about 450 bytes, with a record, a list of records, a union and times.
const (
	datumRest = `{"name":"customer","type":{"type":"record","name":"Customer","fields":[{"name":"name","type":"string"},{"name":"zip","type":"string"},{"name":"since","type":{"type":"long","logicalType":"timestamp-millis"}}]}},` +
		`{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"},{"name":"n","type":"int"},{"name":"price","type":"double"}]}}},` +
		`{"name":"note","type":["null","string"]}`
	datumBefore = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"amount","type":"string"},{"name":"old","type":"string"},` + datumRest + `]}`
	datumAfter  = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"},{"name":"new","type":"string"},` + datumRest +
		`,{"name":"currency","type":"string"}]}`
)

// The same as Go types, for who writes the migration with them.
type datumCustomer struct {
	Name  string    `avro:"name"`
	Zip   string    `avro:"zip"`
	Since time.Time `avro:"since"`
}

type datumItem struct {
	SKU   string  `avro:"sku"`
	N     int32   `avro:"n"`
	Price float64 `avro:"price"`
}

type datumOld struct {
	ID       int64         `avro:"id"`
	Amount   string        `avro:"amount"`
	Old      string        `avro:"old"`
	Customer datumCustomer `avro:"customer"`
	Items    []datumItem   `avro:"items"`
	Note     *string       `avro:"note"`
}

type datumNew struct {
	ID       int64         `avro:"id"`
	Amount   float64       `avro:"amount"`
	New      string        `avro:"new"`
	Customer datumCustomer `avro:"customer"`
	Items    []datumItem   `avro:"items"`
	Note     *string       `avro:"note"`
	Currency string        `avro:"currency"`
}

const beforeID, afterID = 3, 7

func datumOrder(tb testing.TB, s *avro.Schema, i int) []byte {
	note := strings.Repeat("lorem ipsum ", 22)
	out, err := s.AppendEncode([]byte{0, 0, 0, 0, beforeID}, &datumOld{ID: int64(i), Amount: fmt.Sprintf("%d.50", i), Old: fmt.Sprintf("x%d", i),
		Customer: datumCustomer{"A. Example", "01234", time.UnixMilli(1_795_132_800_000).UTC()}, Items: []datumItem{{"abc", 1, 12.5}, {"def", 2, 1.5}, {"ghi", 7, 0.25}}, Note: &note})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// datumByMap is what one writes with the library for any schema, datumByStruct for this one.
func datumByMap(dst []byte, before, after *avro.Schema, value []byte) ([]byte, error) {
	var v map[string]any
	if _, err := before.Decode(value[record.FrameLen:], &v); err != nil {
		return nil, err
	}
	amount, err := strconv.ParseFloat(v["amount"].(string), 64)
	if err != nil {
		return nil, err
	}
	v["amount"], v["new"] = amount, v["old"]
	delete(v, "old")
	if _, ok := v["currency"]; !ok {
		v["currency"] = "EUR"
	}
	return after.AppendEncode(append(dst, 0, 0, 0, 0, afterID), v)
}

func datumByStruct(dst []byte, before, after *avro.Schema, value []byte) ([]byte, error) {
	var v datumOld
	if _, err := before.Decode(value[record.FrameLen:], &v); err != nil {
		return nil, err
	}
	amount, err := strconv.ParseFloat(v.Amount, 64)
	if err != nil {
		return nil, err
	}
	return after.AppendEncode(append(dst, 0, 0, 0, 0, afterID), &datumNew{v.ID, amount, v.Old, v.Customer, v.Items, v.Note, "EUR"})
}

func datumChain(tb testing.TB) (*datum.Chain, framed.Pinned) {
	var steps []spec.Step
	if err := json.Unmarshal([]byte(threeSteps), &steps); err != nil {
		tb.Fatal(err)
	}
	before, err := datum.Parse(datumBefore)
	if err != nil {
		tb.Fatal(err)
	}
	after, err := datum.Parse(datumAfter)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := datum.New(steps, after, afterID, false)
	if err != nil {
		tb.Fatal(err)
	}
	return c, framed.Pinned{{ID: beforeID}: before}
}

// What is measured does the same, byte for byte.
func TestStepsOverAvroDoWhatIsWrittenByHand(t *testing.T) {
	before, after := avro.MustParse(datumBefore), avro.MustParse(datumAfter)
	chain, writers := datumChain(t)
	value := datumOrder(t, before, 7)
	a, errA := datumByMap(nil, before, after, value)
	b, errB := datumByStruct(nil, before, after, value)
	c, _, errC := chain.Editor(writers).Append(nil, value)
	if errA != nil || errB != nil || errC != nil || !bytes.Equal(a, c) || !bytes.Equal(b, c) {
		t.Errorf("by map %x, %v\nby struct %x, %v\nby steps %x, %v", a, errA, b, errB, c, errC)
	}
}

// BenchmarkStepsOverAvroAgainstByHand reads records from memory, and changes each by three steps, or by hand with the library.
func BenchmarkStepsOverAvroAgainstByHand(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	const n = 2000
	before, after := avro.MustParse(datumBefore), avro.MustParse(datumAfter)
	recs := make([]record.Record, n)
	for i := range recs {
		recs[i] = record.Record{Offset: partition.Offset(i), Value: datumOrder(b, before, i)}
	}
	src := &replaytest.Memory{Records: map[int32][]record.Record{0: recs}, Batch: n}
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: n}}}
	chain, writers := datumChain(b)
	by := func(change func(dst []byte, before, after *avro.Schema, value []byte) ([]byte, error)) func() (int64, error) {
		return func() (int64, error) {
			dst := make([]byte, 0, 1<<10)
			return drain(src, slice, func(v []byte) (err error) {
				dst, err = change(dst[:0], before, after, v)
				return err
			})
		}
	}
	all, err := RunRace([]Racer{
		{Name: "by hand, maps", Run: by(datumByMap)},
		{Name: "by hand, structs", Run: by(datumByStruct)},
		{Name: "steps", Run: func() (int64, error) {
			return drain(framed.Over(src, chain, writers, framed.Names{}), slice, func([]byte) error { return nil })
		}},
	}, *scanRounds, rand.New(rand.NewPCG(*seed, 0)))
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range all {
		what := r.Name
		if r.Control {
			what += " A/A"
		}
		fmt.Printf("avro steps %-17s %s\n", what, r)
		if r.Void() {
			fmt.Println("avro steps void: the way by hand against itself differs by more than 4 %")
		}
	}
}
