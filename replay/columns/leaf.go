package columns

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"backstitch/replay/datum"
	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go"
)

// One column: what a type is stored as, and each value there and back.

var errNotUTF8 = fmt.Errorf("a string is not UTF-8: %w", ErrNoForm)

// leaf is a type with one column.
type leaf struct {
	stored  string // as datum.Type.Stored
	kind    parquet.Kind
	wire    ocf.Type
	symbols []string
	size    int // of a fixed
}

// leafOf is the column of a type, nil for what takes no bytes.
func leafOf(t datum.Type) (leaf, parquet.Node) {
	l := leaf{stored: t.Stored(), wire: t.Wire(), symbols: t.Symbols(), size: t.Size()}
	n := meant(t)
	if n == nil {
		n = l.plain()
	}
	if n != nil {
		l.kind = n.Type().Kind()
	}
	return l, n
}

// keys are those of a map.
var keys = leaf{stored: "string", kind: parquet.ByteArray}

// plain is the column of what stands for itself.
func (l *leaf) plain() parquet.Node {
	switch l.stored {
	case "boolean":
		return parquet.Leaf(parquet.BooleanType)
	case "int":
		return parquet.Leaf(parquet.Int32Type)
	case "long":
		return parquet.Leaf(parquet.Int64Type)
	case "float":
		return parquet.Leaf(parquet.FloatType)
	case "double":
		return parquet.Leaf(parquet.DoubleType)
	case "bytes":
		return parquet.Leaf(parquet.ByteArrayType)
	case "string":
		return parquet.String()
	case "enum":
		return parquet.Enum()
	case "fixed":
		if l.size > 0 {
			return parquet.Leaf(parquet.FixedLenByteArrayType(l.size))
		}
	}
	return nil
}

// meant is the column of a logical type, nil for one that Parquet has no word for.
func meant(t datum.Type) parquet.Node {
	switch t.Logical() {
	case "decimal":
		precision, scale := t.Decimal()
		if precision < 1 || t.Stored() == "fixed" && t.Size() < 1 {
			return nil
		}
		of := parquet.ByteArrayType
		if t.Stored() == "fixed" {
			of = parquet.FixedLenByteArrayType(t.Size())
		}
		return parquet.Decimal(scale, precision, of)
	case "date":
		return parquet.Date()
	case "time-millis":
		return parquet.Time(parquet.Millisecond)
	case "time-micros":
		return parquet.Time(parquet.Microsecond)
	case "timestamp-millis":
		return parquet.Timestamp(parquet.Millisecond)
	case "timestamp-micros":
		return parquet.Timestamp(parquet.Microsecond)
	case "timestamp-nanos":
		return parquet.Timestamp(parquet.Nanosecond)
	case "local-timestamp-millis":
		return parquet.TimestampAdjusted(parquet.Millisecond, false)
	case "local-timestamp-micros":
		return parquet.TimestampAdjusted(parquet.Microsecond, false)
	case "local-timestamp-nanos":
		return parquet.TimestampAdjusted(parquet.Nanosecond, false)
	}
	return nil
}

// value is the datum that raw is. What raw holds was walked over before.
func (l *leaf) value(raw []byte) (parquet.Value, error) {
	c := ocf.NewCursor(raw)
	switch l.stored {
	case "boolean":
		return parquet.BooleanValue(raw[0] != 0), nil
	case "int":
		v, err := c.Long()
		return parquet.Int32Value(int32(v)), err
	case "long":
		v, err := c.Long()
		return parquet.Int64Value(v), err
	case "float":
		return parquet.FloatValue(math.Float32frombits(binary.LittleEndian.Uint32(raw))), nil
	case "double":
		return parquet.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(raw))), nil
	case "fixed":
		return parquet.FixedLenByteArrayValue(raw), nil
	case "enum":
		i, err := c.Index(len(l.symbols))
		if err != nil {
			return parquet.Value{}, err
		}
		return parquet.ByteArrayValue([]byte(l.symbols[i])), nil
	}
	b, err := c.Bytes()
	if l.stored == "string" && !utf8.Valid(b) {
		return parquet.Value{}, errNotUTF8
	}
	return parquet.ByteArrayValue(b), err
}

// append is the way back. The column is of the kind that leafOf says.
func (l *leaf) append(dst []byte, v parquet.Value) ([]byte, error) {
	switch l.stored {
	case "boolean":
		if v.Boolean() {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case "int":
		return ocf.AppendLong(dst, int64(v.Int32())), nil
	case "long":
		return ocf.AppendLong(dst, v.Int64()), nil
	case "float":
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.Float())), nil
	case "double":
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double())), nil
	case "fixed":
		if len(v.ByteArray()) != l.size {
			return dst, fmt.Errorf("%d bytes where there are %d: %w", len(v.ByteArray()), l.size, ErrCorrupt)
		}
		return append(dst, v.ByteArray()...), nil
	case "enum":
		i := slices.Index(l.symbols, string(v.ByteArray()))
		if i < 0 {
			return dst, fmt.Errorf("no symbol %.40q: %w", v.ByteArray(), ErrCorrupt)
		}
		return ocf.AppendLong(dst, int64(i)), nil
	}
	return ocf.AppendBytes(dst, v.ByteArray()), nil
}
