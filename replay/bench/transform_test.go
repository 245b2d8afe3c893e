package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/wasm/wasmtest"
)

// order is about 500 bytes.
func order(i int) string {
	return fmt.Sprintf(`{"id":%d,"amount":"%d.50","customer":{"name":"A. Example","city":"Somewhere","zip":"01234"},"old":"x%d",`+
		`"items":[{"sku":"abc","n":1,"price":"12.50"},{"sku":"def","n":2,"price":"1.50"}],"note":"%s","flags":[true,false,null]}`,
		i, i, i, strings.Repeat("lorem ipsum ", 22))
}

// byHand is what one writes in Go for the same three steps.
func byHand(value []byte) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(value, &m); err != nil {
		return nil, err
	}
	var amount string
	if err := json.Unmarshal(m["amount"], &amount); err != nil {
		return nil, err
	}
	if _, err := strconv.ParseFloat(amount, 64); err != nil {
		return nil, err
	}
	m["amount"] = json.RawMessage(amount)
	m["new"] = m["old"]
	delete(m, "old")
	if _, ok := m["currency"]; !ok {
		m["currency"] = json.RawMessage(`"EUR"`)
	}
	return json.Marshal(m)
}

const threeSteps = `[{"cast":{"field":"amount","to":"number"}},{"rename":{"field":"old","to":"new"}},{"default":{"field":"currency","value":"EUR"}}]`

func threeStepChain(tb testing.TB) *transform.Chain {
	var steps []spec.Step
	if err := json.Unmarshal([]byte(threeSteps), &steps); err != nil {
		tb.Fatal(err)
	}
	c, err := transform.New(steps)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// What is measured does the same.
func TestStepsDoWhatIsWrittenByHand(t *testing.T) {
	a, errA := byHand([]byte(order(7)))
	b, _, errB := threeStepChain(t).Editor().Append(nil, []byte(order(7)))
	var x, y map[string]json.RawMessage
	if errA != nil || errB != nil || json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x) != len(y) {
		t.Fatalf("got %s, %v and %s, %v", a, errA, b, errB)
	}
	for k := range x {
		if string(x[k]) != string(y[k]) {
			t.Errorf("%s: by hand %s, by steps %s", k, x[k], y[k])
		}
	}
}

// BenchmarkTransformAgainstByHand reads records from memory, and changes each by steps or by hand.
func BenchmarkTransformAgainstByHand(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	const n = 2000
	recs := make([]record.Record, n)
	for i := range recs {
		recs[i] = record.Record{Offset: partition.Offset(i), Value: []byte(order(i))}
	}
	src := &replaytest.Memory{Records: map[int32][]record.Record{0: recs}, Batch: n}
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: n}}}
	chain := threeStepChain(b)
	raceSteps(b, "transform", []Racer{
		{Name: "by hand", Run: func() (int64, error) {
			return drain(src, slice, func(v []byte) error {
				_, err := byHand(v)
				return err
			})
		}},
		{Name: "steps", Run: func() (int64, error) {
			return drain(transform.Over(src, chain), slice, func([]byte) error { return nil })
		}},
	})
}

// raceSteps runs all against the first and prints the ratios.
func raceSteps(b *testing.B, what string, racers []Racer) {
	all, err := RunRace(racers, *scanRounds, rand.New(rand.NewPCG(*seed, 0)))
	if err != nil {
		b.Fatal(err)
	}
	void := false
	for _, r := range all {
		name := r.Name
		if r.Control {
			name += " A/A"
		}
		fmt.Printf("%s %-12s %s\n", what, name, r)
		switch void = void || r.Void(); {
		case r.Void():
			fmt.Printf("%s void: %s against itself differs by more than 4 %%\n", what, racers[0].Name)
		case !void && r.CPU.Below(ThreeStepsBar):
			b.Errorf("%s: ratio %.2f [%.2f,%.2f], want %.2f of the same by hand", r.Name, r.CPU.Median, r.CPU.Low, r.CPU.High, ThreeStepsBar)
		}
	}
}

// BenchmarkModuleAgainstSet reads records from memory and gives each one more member, by a set step or by a module. The module does least: it copies
// the value and its own eleven bytes. So what is measured is what the step itself costs, with an instance for each record.
func BenchmarkModuleAgainstSet(b *testing.B) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	const n = 2000
	recs := make([]record.Record, n)
	for i := range recs {
		recs[i] = record.Record{Offset: partition.Offset(i), Value: []byte(order(i))}
	}
	src := &replaytest.Memory{Records: map[int32][]record.Record{0: recs}, Batch: n}
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: n}}}
	by := func(s spec.Step) Racer {
		chain, err := transform.New([]spec.Step{s})
		if err != nil {
			b.Fatal(err)
		}
		name := "set"
		if s.Wasm != nil {
			name = "module"
		}
		return Racer{Name: name, Run: func() (int64, error) {
			return drain(transform.Over(src, chain), slice, func(v []byte) error {
				if !bytes.HasSuffix(v, []byte(wasmtest.Suffix+"}")) {
					return fmt.Errorf("%s made %s", name, v)
				}
				return nil
			})
		}}
	}
	module := &spec.Wasm{Inline: wasmtest.Append()}
	module.SHA256 = module.Digest()
	raceSteps(b, "module", []Racer{by(spec.Step{Set: &spec.Set{Field: "wasm", Value: spec.Value("true")}}), by(spec.Step{Wasm: module})})
}

// drain reads all of slice and hands each value to each.
func drain(src source.Source, slice partition.Slice, each func([]byte) error) (n int64, err error) {
	r, err := src.Open(context.Background(), slice, 0)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		batch, err := r.Next(context.Background())
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		for i := range batch.Records {
			if err := each(batch.Records[i].Value); err != nil {
				return n, err
			}
		}
		n += int64(len(batch.Records))
		batch.Release()
	}
}
