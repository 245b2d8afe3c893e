package datum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Defaults of fields, as the datums that stand for them. The library has checked them against their types and made Go values of them; of a
// union it is the first branch that takes the value, and the Go type says which. The library also gives a field whose union begins with
// null a default of null where the schema says none. The specification does not, and neither does this.

// maxPreset bounds the default of a field, in bytes and in levels: a record whose default is a record like itself has no end.
const (
	maxPreset      = 64 << 10
	maxPresetDepth = 64
)

var errPreset = errors.New("it does not fit the field's type")

func appendPreset(dst []byte, t *typ, v any, depth int) ([]byte, error) {
	if depth > maxPresetDepth || len(dst) > maxPreset {
		return nil, fmt.Errorf("more than %d levels or %d bytes", maxPresetDepth, maxPreset)
	}
	switch t.kind {
	case kUnion:
		for i, branch := range t.parts {
			if takes(branch.kind, v) {
				if out, err := appendPreset(appendLong(slices.Clip(dst), int64(i)), branch, v, depth+1); err == nil {
					return out, nil
				}
			}
		}
		return nil, errPreset
	case kArray:
		list, ok := v.([]any)
		if !ok {
			return nil, errPreset
		}
		return appendItems(dst, len(list), func(dst []byte, i int) ([]byte, error) { return appendPreset(dst, t.parts[0], list[i], depth+1) })
	case kMap:
		object, ok := v.(map[string]any)
		if !ok {
			return nil, errPreset
		}
		names := slices.Sorted(maps.Keys(object))
		return appendItems(dst, len(names), func(dst []byte, i int) ([]byte, error) {
			return appendPreset(appendRun(dst, names[i]), t.parts[0], object[names[i]], depth+1)
		})
	case kRecord:
		object, ok := v.(map[string]any)
		if !ok {
			return nil, errPreset
		}
		return appendPresetRecord(dst, t, object, depth)
	}
	return appendPresetScalar(dst, t, v)
}

func appendPresetRecord(dst []byte, t *typ, object map[string]any, depth int) (_ []byte, err error) {
	for i := range t.fields {
		f := &t.fields[i]
		v, there := object[f.name]
		if !there && !f.has {
			return nil, fmt.Errorf("it does not say %s", f.name)
		}
		if !there {
			v = f.value
		}
		if dst, err = appendPreset(dst, f.typ, v, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// takes reports whether a Go value of the library is one of that kind.
func takes(k kind, v any) bool {
	switch v.(type) {
	case nil:
		return k == kNull
	case bool:
		return k == kBoolean
	case int32:
		return k == kInt
	case int64:
		return k == kLong
	case float32:
		return k == kFloat
	case float64:
		return k == kDouble
	case string:
		return k == kString || k == kEnum
	case []byte:
		return k == kBytes || k == kFixed
	case []any:
		return k == kArray
	case map[string]any:
		return k == kMap || k == kRecord
	}
	return false
}

func appendPresetScalar(dst []byte, t *typ, v any) ([]byte, error) {
	if !takes(t.kind, v) {
		return nil, errPreset
	}
	switch v := v.(type) {
	case bool:
		return appendBool(dst, v), nil
	case int32:
		return appendLong(dst, int64(v)), nil
	case int64:
		return appendLong(dst, v), nil
	case float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
	case string:
		if t.kind == kString {
			return appendRun(dst, v), nil
		}
		i := slices.Index(t.symbols, v)
		if i < 0 {
			return nil, errPreset
		}
		return appendLong(dst, int64(i)), nil
	case []byte:
		if t.kind == kBytes {
			return appendRun(dst, v), nil
		}
		if len(v) != t.size {
			return nil, errPreset
		}
		return append(dst, v...), nil
	}
	return dst, nil // null, which takes no bytes
}

// appendItems appends n items as an array or a map has them: one block and the end.
func appendItems(dst []byte, n int, item func(dst []byte, i int) ([]byte, error)) (_ []byte, err error) {
	if n > 0 {
		dst = appendLong(dst, int64(n))
	}
	for i := range n {
		if dst, err = item(dst, i); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func appendLong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// appendRun appends bytes with their length in front.
func appendRun[T string | []byte](dst []byte, v T) []byte {
	return append(appendLong(dst, int64(len(v))), v...)
}
