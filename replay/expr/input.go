package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"backstitch/replay/record"
	"backstitch/replay/tree"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Input is the record that an expression looks at. It is made into values of CEL as far as somebody asks. Root is that of the record's
// value; an Input is for one goroutine, and used again for the next record.
type Input struct {
	Partition int32
	Record    *record.Record
	Root      tree.Value
}

var _ cel.Activation = (*Input)(nil)

// Parent is cel.Activation's: there is none.
func (in *Input) Parent() cel.Activation { return nil }

// ResolveName is cel.Activation's.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case Value:
		return adapted.NativeToValue(in.Root), true
	case Key:
		return blob(in.Record.Key), true
	case Headers:
		list := make([]any, len(in.Record.Headers))
		for i, h := range in.Record.Headers {
			list[i] = map[string]any{"key": h.Key, "value": blob(h.Value)}
		}
		return list, true
	case Timestamp:
		return types.Timestamp{Time: time.UnixMilli(in.Record.TimestampMs).UTC()}, true
	case Partition:
		return int64(in.Partition), true
	case Offset:
		return int64(in.Record.Offset), true
	}
	return nil, false
}

// blob is bytes as an expression sees them: text where they are text.
func blob(b []byte) ref.Val {
	switch {
	case b == nil:
		return types.NullValue
	case utf8.Valid(b):
		return types.String(b)
	}
	return types.Bytes(append([]byte{}, b...))
}

var adapted = adapter{types.DefaultTypeAdapter}

// adapter makes values of CEL of those of a tree, one level at a time: what nobody looks at costs nothing, and is no error.
type adapter struct{ types.Adapter }

// NativeToValue is types.Adapter's.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case nil:
		return types.NullValue
	case json.Number:
		return number(string(v))
	case tree.Twice:
		return types.NewErr("there are two members of that name")
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Adapter.NativeToValue(v)
}

var errBeyond = errors.New("no type of an expression holds all of its digits; the rule range does")

// number is a number of JSON without the loss of a digit.
func number(text string) ref.Val {
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return types.Int(n)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return types.Uint(n)
		}
		return types.WrapErr(fmt.Errorf("the number %.40s: %w", text, errBeyond))
	}
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && !math.IsInf(f, 0) && sameDigits(text, strconv.FormatFloat(f, 'g', -1, 64)) {
		return types.Double(f)
	}
	return types.WrapErr(fmt.Errorf("the number %.40s: %w", text, errBeyond))
}

func sameDigits(a, b string) bool {
	x, okX := tree.ParseDecimal([]byte(a))
	y, okY := tree.ParseDecimal([]byte(b))
	return okX && okY && x.Equal(y)
}
