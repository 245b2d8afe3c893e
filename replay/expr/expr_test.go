package expr

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/tree"

	"pgregory.net/rapid"
)

func input(t *testing.T, value string) *Input {
	t.Helper()
	in := &Input{Partition: 3, Record: &record.Record{Offset: 41, TimestampMs: 1_795_132_800_123, Key: []byte("o-1"),
		Headers: []record.Header{{Key: "h", Value: []byte("a")}, {Key: "h"}, {Key: "b", Value: []byte{0xff}}}}}
	if value != "" {
		d, err := new(tree.Parser).Parse([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		in.Record.Value, in.Root = []byte(value), d.Root
	}
	return in
}

func TestWhatAnExpressionSees(t *testing.T) {
	const value = `{"n":9223372036854775807,"u":18446744073709551615,"f":1.50,"s":"x","o":{"l":[1,"two",null]},"z":null,
		"big":123456789012345678901234567890,"long":0.12345678901234567890123,"twice":1,"twice":2}`
	for text, want := range map[string]string{
		`value.n == 9223372036854775807 && value.n - 1 == 9223372036854775806`:                                      "true",
		`value.n == 9223372036854775806`:                                                                            "false", // a float64 would take them for the same
		`value.u == 18446744073709551615u`:                                                                          "true",
		`value.n < value.u && value.f < value.n && value.f == 1.5`:                                                  "true",
		`value.s == "x" && value.o.l[1] == "two" && value.o.l[2] == null`:                                           "true",
		`has(value.z) && value.z == null && !has(value.gone)`:                                                       "true",
		`key == "o-1" && partition == 3 && offset == 41`:                                                            "true",
		`timestamp == timestamp("2026-11-20T00:00:00.123Z")`:                                                        "true",
		`headers.size() == 3 && headers[0].value == "a" && headers[1].value == null && headers[2].value == b"\xff"`: "true",
		`value.gone > 1`:                  "no such key: gone",
		`value.big > 1`:                   "123456789012345678901234567890",
		`value.long > 0.0`:                "all of its digits",
		`value.twice == 1`:                "two members",
		`value.s`:                         "it gives string, want true or false",
		`value.s > 1`:                     "no such overload",
		`value.n + 1 > 0`:                 "overflow",
		`value.s == "x" || value.big > 1`: "true",
	} {
		p, err := Predicate(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		yes, err := p.Test(input(t, value))
		got := strconv.FormatBool(yes)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestAnExpressionThatIsWrongHasAPlace(t *testing.T) {
	for text, want := range map[string][2]int{
		"value.a >":           {1, 10},
		"value.a ==\n  nope":  {2, 3},
		"1 + 1":               {1, 1},
		"timestamp > 5":       {1, 11},
		"partition.b == true": {1, 10},
		strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100): {-1, 0},
		"true " + strings.Repeat(" ", MaxBytes):                      {1, 1},
	} {
		_, err := Predicate(text)
		var e *Error
		if !errors.As(err, &e) || e.Line != want[0] || want[0] > 0 && e.Column != want[1] {
			t.Errorf("%.40s: got %+v, want line %d and column %d", text, err, want[0], want[1])
		}
	}
	if _, err := Of("key"); err == nil {
		t.Error("a step's expression sees the key")
	}
	if _, err := Of("timestamp('2026-11-20T00:00:00Z')"); err == nil {
		t.Error("a timestamp is taken for JSON")
	}
}

// An expression that would take for ever is given up, and says so.
func TestCostIsBounded(t *testing.T) {
	list := `{"l":[` + strings.TrimSuffix(strings.Repeat("1,", 80), ",") + `]}`
	p, err := Predicate(`value.l.all(a, value.l.all(b, value.l.all(c, a + b + c > 0)))`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Test(input(t, list)); !errors.Is(err, ErrCost) {
		t.Errorf("got %v, want %v", err, ErrCost)
	}
}

func TestUses(t *testing.T) {
	p, err := Predicate(`headers.exists(h, h.key == "v") && timestamp > timestamp("2026-01-01T00:00:00Z")`)
	if err != nil || !p.Uses(Headers) || !p.Uses(Timestamp) || p.Uses(Value) || p.Uses(Key) {
		t.Errorf("%v: got %v", err, p.uses)
	}
}

// What an expression takes out of a value comes back with the same digits, or not at all.
func TestNumbersComeBackOrAreRefused(t *testing.T) {
	p, err := Of("value.n")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(
			rapid.Map(rapid.Int64(), func(n int64) string { return strconv.FormatInt(n, 10) }),
			rapid.Map(rapid.Uint64(), func(n uint64) string { return strconv.FormatUint(n, 10) }),
			rapid.Map(rapid.Float64(), func(f float64) string {
				if math.IsInf(f, 0) || math.IsNaN(f) {
					f = 0
				}
				return strconv.FormatFloat(f, 'g', -1, 64)
			}),
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?`),
		).Draw(rt, "number")
		text = strings.Replace(text, "e+", "e", 1)
		got, err := p.JSON(nil, input(t, `{"n":`+text+`}`))
		if err != nil {
			if len(text) < 15 && !strings.ContainsAny(text, "eE") {
				rt.Errorf("%s: %v", text, err)
			}
			return
		}
		if !sameDigits(string(got), text) {
			rt.Errorf("%s came back as %s", text, got)
		}
	})
}

func TestResultsAreJSON(t *testing.T) {
	for text, want := range map[string]string{
		`value.a + 1`:           `3`,
		`value.a / 4.0`:         `no such overload`,
		`double(value.a) / 4.0`: `0.5`,
		`{"z": [value.a, null], "a": "<\"" + value.s}`: `{"a":"<\"é","z":[2,null]}`,
		`value`:                          `{"a":2,"s":"é"}`,
		`value.a == 2 ? "two" : "other"`: `"two"`,
		`1.0 / 0.0`:                      `no number of JSON`,
		`{1: 2}`:                         `keys are no texts`,
		`[b"x"]`:                         `JSON has no form of`,
		`value.gone`:                     `no such key`,
	} {
		p, err := Of(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out, err := p.JSON(nil, input(t, `{"s":"é","a":2}`))
		got := string(out)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
