package parquetfile

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Values of one column as JSON. A type is what it is stored as, and what that means; the second goes first.

type leafKind uint8

const (
	kindBoolean leafKind = iota
	kindInt32
	kindInt64
	kindUint32
	kindUint64
	kindInt96 // a time: nanoseconds of a day, and the day
	kindFloat
	kindDouble
	kindHalf
	kindText
	kindBytes
	kindUUID
	kindDecimal
)

type leaf struct {
	kind  leafKind
	scale int
	unit  int64 // of a time stamp, per millisecond; 0 for others
	store format.Type
}

// maxScale and maxDecimalBytes are beyond what anyone computes with; a decimal of 38 digits has 16 bytes.
const (
	maxScale        = 1_000
	maxDecimalBytes = 256
)

// plainKinds is what types are that say nothing of what they mean.
var plainKinds = map[format.Type]leafKind{
	format.Boolean: kindBoolean, format.Int32: kindInt32, format.Int64: kindInt64, format.Int96: kindInt96, format.Float: kindFloat,
	format.Double: kindDouble, format.ByteArray: kindBytes, format.FixedLenByteArray: kindBytes,
}

func leafOf(e *format.SchemaElement) (leaf, error) {
	l := leaf{kind: plainKinds[e.Type.V], store: e.Type.V}
	fits := true
	switch t := e.LogicalType.Value.(type) {
	case nil:
		return l.converted(e)
	case *format.StringType, *format.EnumType, *format.JsonType:
		l.kind, fits = kindText, l.store == format.ByteArray
	case *format.BsonType:
		fits = l.store == format.ByteArray
	case *format.UUIDType:
		l.kind, fits = kindUUID, l.store == format.FixedLenByteArray && e.TypeLength.V == 16
	case *format.DecimalType:
		return l.decimal(e, int(t.Scale))
	case *format.DateType:
		fits = l.store == format.Int32
	case *format.TimeType:
		fits = l.store == format.Int32 || l.store == format.Int64
	case *format.TimestampType:
		fits = l.store == format.Int64
		switch t.Unit.Value.(type) {
		case *format.MilliSeconds:
			l.unit = 1
		case *format.MicroSeconds:
			l.unit = 1_000
		case *format.NanoSeconds:
			l.unit = 1_000_000
		}
	case *format.IntType:
		switch {
		case l.store == format.Int32 && !t.IsSigned:
			l.kind = kindUint32
		case l.store == format.Int64 && !t.IsSigned:
			l.kind = kindUint64
		default:
			fits = l.store == format.Int32 || l.store == format.Int64
		}
	case *format.Float16Type:
		l.kind, fits = kindHalf, l.store == format.FixedLenByteArray && e.TypeLength.V == 2
	case *format.NullType: // nothing but nulls
	default:
		return l, fmt.Errorf("%s: %w", e.LogicalType.String(), ErrNoForm)
	}
	if !fits {
		return l, fmt.Errorf("%s stored as %s: %w", e.LogicalType.String(), e.Type.V, ErrNoForm)
	}
	return l, nil
}

// converted goes by the older names of what types mean.
func (l leaf) converted(e *format.SchemaElement) (leaf, error) {
	if !e.ConvertedType.Valid {
		return l, nil
	}
	fits := true
	switch t := e.ConvertedType.V; t {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		l.kind, fits = kindText, l.store == format.ByteArray
	case deprecated.Bson:
		fits = l.store == format.ByteArray
	case deprecated.Decimal:
		return l.decimal(e, int(e.Scale.V))
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		if l.unit = 1; t == deprecated.TimestampMicros {
			l.unit = 1_000
		}
		fits = l.store == format.Int64
	case deprecated.Date, deprecated.TimeMillis, deprecated.Int8, deprecated.Int16, deprecated.Int32:
		fits = l.store == format.Int32
	case deprecated.TimeMicros, deprecated.Int64:
		fits = l.store == format.Int64
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32:
		l.kind, fits = kindUint32, l.store == format.Int32
	case deprecated.Uint64:
		l.kind, fits = kindUint64, l.store == format.Int64
	default:
		return l, fmt.Errorf("its converted type is %d: %w", t, ErrNoForm)
	}
	if !fits {
		return l, fmt.Errorf("converted type %d stored as %s: %w", e.ConvertedType.V, e.Type.V, ErrNoForm)
	}
	return l, nil
}

func (l leaf) decimal(e *format.SchemaElement, scale int) (leaf, error) {
	l.kind, l.scale = kindDecimal, scale
	switch {
	case scale < 0 || scale > maxScale:
		return l, fmt.Errorf("a decimal of scale %d: %w", scale, ErrNoForm)
	case l.store == format.Int32 || l.store == format.Int64 || l.store == format.ByteArray:
		return l, nil
	case l.store == format.FixedLenByteArray && e.TypeLength.V <= maxDecimalBytes:
		return l, nil
	}
	return l, fmt.Errorf("a decimal stored as %s of %d bytes: %w", l.store, e.TypeLength.V, ErrNoForm)
}

func (l *leaf) append(dst []byte, v parquet.Value) ([]byte, error) {
	switch l.kind {
	case kindBoolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case kindInt32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case kindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case kindUint32:
		return strconv.AppendUint(dst, uint64(uint32(v.Int32())), 10), nil
	case kindUint64:
		return strconv.AppendUint(dst, uint64(v.Int64()), 10), nil
	case kindInt96:
		nanos, err := instant(v.Int96())
		return strconv.AppendInt(dst, nanos, 10), err
	case kindFloat:
		return ocf.AppendJSONFloat(dst, float64(v.Float()), 32)
	case kindDouble:
		return ocf.AppendJSONFloat(dst, v.Double(), 64)
	case kindHalf:
		return ocf.AppendJSONFloat(dst, half(binary.LittleEndian.Uint16(v.ByteArray())), 32)
	case kindText:
		return ocf.AppendJSONText(dst, v.ByteArray())
	case kindUUID:
		return appendUUID(dst, v.ByteArray()), nil
	case kindDecimal:
		return l.appendDecimal(dst, v)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v.ByteArray())
	return append(dst, '"'), nil
}

// Days of the Julian calendar's count, and nanoseconds.
const (
	julianEpoch = 2_440_588 // 1970-01-01
	dayNanos    = 24 * 60 * 60 * 1_000_000_000
)

// instant is the older form of a time in nanoseconds since 1970.
func instant(v deprecated.Int96) (int64, error) {
	nanos := int64(uint64(v[0]) | uint64(v[1])<<32)
	days := int64(v[2]) - julianEpoch
	if nanos < 0 || nanos >= dayNanos || days < math.MinInt64/dayNanos+1 || days > math.MaxInt64/dayNanos-1 {
		return 0, fmt.Errorf("a time of day %d and %d nanoseconds is none, or beyond 64 bits: %w", v[2], nanos, ocf.ErrNoJSON)
	}
	return days*dayNanos + nanos, nil
}

// half is a number of 16 bits, of which each is one of 32.
func half(b uint16) float64 {
	sign, exponent, fraction := 1.0, int(b>>10&31), float64(b&1023)
	if b>>15 != 0 {
		sign = -1
	}
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return math.Copysign(math.Ldexp(fraction, -24), sign)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func appendUUID(dst, b []byte) []byte {
	dst = append(dst, '"')
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return append(dst, '"')
}

// appendDecimal appends all digits of a decimal, those behind the point as many as its scale.
func (l *leaf) appendDecimal(dst []byte, v parquet.Value) ([]byte, error) {
	var digits string
	switch l.store {
	case format.Int32:
		digits = strconv.FormatInt(int64(v.Int32()), 10)
	case format.Int64:
		digits = strconv.FormatInt(v.Int64(), 10)
	default:
		b := v.ByteArray()
		if len(b) == 0 || len(b) > maxDecimalBytes {
			return dst, fmt.Errorf("a decimal of %d bytes: %w", len(b), ocf.ErrNoJSON)
		}
		n := new(big.Int).SetBytes(b)
		if b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		digits = n.String()
	}
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	if l.scale == 0 {
		return append(dst, digits...), nil
	}
	whole := len(digits) - l.scale
	if whole <= 0 {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:whole]...)
	}
	dst = append(dst, '.')
	for range max(-whole, 0) {
		dst = append(dst, '0')
	}
	return append(dst, digits[max(whole, 0):]...), nil
}
