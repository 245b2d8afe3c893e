package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"backstitch/replay/record"
)

// orders are values as a shop might write them; nothing of their content may be found again.
func orders(n int, seed uint64) map[int32][]record.Record {
	rng := rand.New(rand.NewPCG(seed, 9))
	out := map[int32][]record.Record{}
	for i := range n {
		o := map[string]any{"id": fmt.Sprintf("secret%012d", rng.IntN(1_000_000)), "amount": json.Number(fmt.Sprintf("%d.%02d", rng.IntN(1000), 10+rng.IntN(90)/10*10+1)), "count": rng.IntN(90) + 10, "paid": i%4 != 0}
		if i%2 == 0 {
			o["note"] = strings.Repeat("confidential ", 1+i%3)
		}
		if i%10 == 0 {
			o["coupon"] = nil
		}
		var lines []any
		for range i % 4 {
			lines = append(lines, map[string]any{"sku": "private-sku", "price": -5})
		}
		o["lines"] = lines
		o["customers"] = map[string]any{fmt.Sprintf("ann-%d@example.com", i): 1} // names that are data
		b, err := json.Marshal(o)
		if err != nil {
			panic(err)
		}
		out[int32(i%2)] = append(out[int32(i%2)], record.Record{TimestampMs: 1_795_000_000_000 + int64(i), Value: b})
	}
	return out
}

// relearnt learns n values of a replica of p.
func relearnt(t *testing.T, p *Profile, n int64) *Profile {
	t.Helper()
	g := generator(t, p, n, 3)
	l := NewLearner(Options{KeepShape: true})
	for _, part := range g.Partitions() {
		for i := range g.Records(part) {
			r := g.Record(part, i)
			if !json.Valid(r.Value) {
				t.Fatalf("not JSON: %s", r.Value)
			}
			l.Add(part, &r)
		}
	}
	out, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAReplicaHasTheShapeOfItsTopic: which members there are, how often, of which types and sizes.
func TestAReplicaHasTheShapeOfItsTopic(t *testing.T) {
	p := learn(t, orders(8000, 1), Options{KeepShape: true})
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Decode(data); err != nil {
		t.Fatal(err)
	}
	again := relearnt(t, p, 8000)
	if again.Values.Format != FormatJSON {
		t.Fatalf("values are %s", again.Values.Format)
	}
	var names []string
	for i, m := range p.Values.Shape.Members {
		names = append(names, m.Name)
		if i >= len(again.Values.Shape.Members) || again.Values.Shape.Members[i].Name != m.Name {
			t.Fatalf("members of the replica: %+v", again.Values.Shape.Members)
		}
		got := again.Values.Shape.Members[i]
		near := func(what string, got, want int64) {
			t.Helper()
			if d := got - want; d > 300 || d < -300 {
				t.Errorf("%s: %s: got %d, want about %d", m.Name, what, got, want)
			}
		}
		near("objects", got.Count, m.Count)
		near("nulls", got.Null, m.Null)
		near("true", got.True, m.True)
		near("whole numbers", got.Whole.Count(), m.Whole.Count())
		near("broken numbers", got.Broken.Count(), m.Broken.Count())
		near("strings", got.Strings.Count(), m.Strings.Count())
		near("arrays", got.Arrays.Count(), m.Arrays.Count())
		if want := m.Strings.Bytes(); want > 0 && (got.Strings.Bytes() < want*.93 || got.Strings.Bytes() > want*1.07) {
			t.Errorf("%s: strings of %.0f bytes, want about %.0f", m.Name, got.Strings.Bytes(), want)
		}
		if want := m.Arrays.Bytes(); want > 0 && (got.Arrays.Bytes() < want*.93 || got.Arrays.Bytes() > want*1.07) {
			t.Errorf("%s: %.0f elements, want about %.0f", m.Name, got.Arrays.Bytes(), want)
		}
	}
	if got := strings.Join(names, " "); got != "amount count coupon customers id lines note paid" {
		t.Errorf("members: %s", got)
	}
	for _, m := range again.Values.Shape.Members {
		if m.Name == "lines" && (m.Items == nil || m.Items.Object == nil || len(m.Items.Object.Members) != 2 || m.Items.Object.Members[0].Minus == 0) {
			t.Errorf("lines: %+v", m.Items)
		}
	}
}

// TestAShapeHasNoContent: no value, and no name that is one.
func TestAShapeHasNoContent(t *testing.T) {
	data, err := learn(t, orders(8000, 1), Options{KeepShape: true}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret", "confidential", "private", "ann-", "example.com"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the profile has %q", secret)
		}
	}
	without, err := learn(t, orders(100, 1), Options{}).Encode()
	if err != nil || bytes.Contains(without, []byte("amount")) {
		t.Errorf("names of members without being asked: %v", err)
	}
}

// TestWhatALearnerKeepsOfShapesIsBounded, whatever it is shown.
func TestWhatALearnerKeepsOfShapesIsBounded(t *testing.T) {
	l := NewLearner(Options{KeepShape: true})
	add := func(v string) { l.Add(0, &record.Record{Value: []byte(v)}) }
	for i := range 3 * maxMembers {
		add(fmt.Sprintf(`{"m%d": 1, "a": 1}`, i))
	}
	add(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100))
	add(`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`)
	add(`{"` + strings.Repeat("n", maxMemberName+1) + `": 1}`)
	if l.shape.members > maxMembers {
		t.Errorf("%d members are kept", l.shape.members)
	}
	p, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Values.Shape; len(s.Members) != 1 || s.Members[0].Name != "a" || s.Other < 2*maxMembers {
		t.Errorf("got %d members, %d others", len(s.Members), s.Other)
	}
}

func TestShapesThatCanNotBeAreRefused(t *testing.T) {
	good := learn(t, orders(200, 1), Options{KeepShape: true})
	for name, spoil := range map[string]func(*Object){
		"more than there are":   func(o *Object) { o.Members[0].Count = o.Count + 1 },
		"types do not add up":   func(o *Object) { o.Members[0].Null++ },
		"names twice":           func(o *Object) { o.Members[1].Name = o.Members[0].Name },
		"a name that is long":   func(o *Object) { o.Members[7].Name = strings.Repeat("z", maxMemberName+1) },
		"less than none":        func(o *Object) { o.Members[0].Minus = -1 },
		"arrays without an end": func(o *Object) { o.Members[0].Arrays = Sizes{{Mean: maxArray + 1, Count: 1}} },
	} {
		data, err := good.Encode()
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		spoil(p.Values.Shape)
		if data, err = p.Encode(); err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
