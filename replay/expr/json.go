package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxDepth bounds how deep a value is that an expression makes.
const maxDepth = 64

var errDeep = fmt.Errorf("it gives a value nested more than %d deep", maxDepth)

// appendJSON writes v as JSON. Members come in order of their names, so that one value has one form.
func appendJSON(dst []byte, v ref.Val, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, errDeep
	}
	switch v := v.(type) {
	case types.Null:
		return append(dst, "null"...), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(v)), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return dst, fmt.Errorf("it gives %v, which is no number of JSON", float64(v))
		}
		return strconv.AppendFloat(dst, float64(v), 'g', -1, 64), nil
	case types.String:
		return appendText(dst, string(v))
	case *types.Err:
		return dst, v
	case traits.Mapper:
		return appendObject(dst, v, depth)
	case traits.Lister:
		dst = append(dst, '[')
		for it, first := v.Iterator(), true; it.HasNext() == types.True; first = false {
			if !first {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(dst, it.Next(), depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	return dst, fmt.Errorf("it gives %s, which JSON has no form of: string(...) makes a text of it", v.Type().TypeName())
}

func appendObject(dst []byte, m traits.Mapper, depth int) ([]byte, error) {
	var names []string
	for it := m.Iterator(); it.HasNext() == types.True; {
		name, ok := it.Next().(types.String)
		if !ok {
			return dst, errors.New("it gives a map whose keys are no texts")
		}
		names = append(names, string(name))
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendText(dst, name); err != nil {
			return dst, err
		}
		dst = append(dst, ':')
		if dst, err = appendJSON(dst, m.Get(types.String(name)), depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendText(dst []byte, text string) ([]byte, error) {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		return dst, fmt.Errorf("it gives a text that is not UTF-8: %w", err)
	}
	return dst, nil
}
