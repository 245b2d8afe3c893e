package baseline

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden states")

// TestAStateGoesOn takes a series apart and together again between its hours: no judgement changes.
func TestAStateGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 13))
	one, two := New(Counts), New(Counts)
	for h := range 6 * hoursOfWeek {
		x := usual(r, h)
		if h > 5*hoursOfWeek && h < 5*hoursOfWeek+hoursOfDay {
			x /= 4
		}
		a, b := observe(t, one, h, x), observe(t, two, h, x)
		if a != b {
			t.Fatalf("hour %d: got %+v, want %+v", h, b, a)
		}
		if h%37 != 0 {
			continue
		}
		state, err := two.MarshalBinary()
		if err != nil || len(state) > MaxSeriesBytes {
			t.Fatalf("hour %d: a state of %d bytes, %v", h, len(state), err)
		}
		if h > WarmHours && len(state) > MaxSeriesBytes/3 {
			t.Fatalf("hour %d: a state of %d bytes", h, len(state))
		}
		two = new(Series)
		if err := two.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatesOfSourcesGoOn(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 15))
	s := NewSources()
	for h := range 3 * hoursOfWeek {
		fleet(t, s, h, 20, r, hosts(0, 10)...)
	}
	state, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if each := (len(state) - 40) / 10; each > MaxSourceBytes {
		t.Errorf("%d bytes of each source", each)
	}
	again := NewSources()
	if err := again.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if b, _ := again.MarshalBinary(); !bytes.Equal(b, state) {
		t.Error("a state that was read is written in other bytes")
	}
	for n := 0; n < len(state); n += 7 {
		if err := again.UnmarshalBinary(state[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("%d of %d bytes: got %v", n, len(state), err)
		}
	}
}

func TestBytesOfStates(t *testing.T) {
	young, old := New(Shares), New(Counts)
	for h := range 3 {
		if _, err := young.Observe(Observation{Hour: int64(begin + h), Count: 1, Of: float64(10 + h)}); err != nil {
			t.Fatal(err)
		}
	}
	for h := range WarmHours + 1 {
		observe(t, old, h, float64(64+h%hoursOfDay))
	}
	var got strings.Builder
	for _, s := range []*Series{young, old} {
		state, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(hex.EncodeToString(state) + "\n")
		for n := 0; n < len(state); n += 13 {
			if err := new(Series).UnmarshalBinary(state[:n]); !errors.Is(err, ErrState) {
				t.Fatalf("%d of %d bytes: got %v", n, len(state), err)
			}
		}
		if err := new(Series).UnmarshalBinary(append(state, 0)); !errors.Is(err, ErrState) {
			t.Errorf("a byte too many: got %v", err)
		}
		state[0]++
		if err := new(Series).UnmarshalBinary(state); !errors.Is(err, ErrState) {
			t.Errorf("a later format: got %v", err)
		}
	}
	senders := NewSources()
	for h := range int64(30) {
		if _, err := senders.Observe(begin+h, map[string]int64{"a": 8 - h%2, "host-b": 4}); err != nil {
			t.Fatal(err)
		}
	}
	state, err := senders.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got.WriteString(hex.EncodeToString(state) + "\n")
	const golden = "testdata/states.hex"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got.String() {
		t.Error("states are written in other bytes than in " + golden + "; if that is meant, raise the format, read the old one, and run with -update")
	}
}
