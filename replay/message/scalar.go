package message

import (
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"backstitch/replay/tree"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Values without parts. Integers are written with all their digits; floating point with the fewest that say the same double, with an exponent
// from 2^53 on, so that what has neither point nor exponent is exact. A float is the double that it is. An enum is its symbol, or its number
// where it has none; bytes are base64; NaN and the infinities texts.

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

// appendZero appends what a field without presence says where it is not there.
func appendZero(dst []byte, f protoreflect.FieldDescriptor) []byte {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return append(dst, '"', '"')
	case protoreflect.BoolKind:
		return append(dst, "false"...)
	case protoreflect.EnumKind:
		return appendSymbol(dst, f.Enum(), 0)
	}
	return append(dst, '0')
}

func appendSymbol(dst []byte, e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) []byte {
	if v := e.Values().ByNumber(n); v != nil {
		return append(append(append(dst, '"'), v.Name()...), '"')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// appendScalar appends what raw, which was read over before, says.
func appendScalar(dst []byte, f protoreflect.FieldDescriptor, raw []byte) []byte {
	if f.Kind() == protoreflect.BytesKind {
		b, _ := protowire.ConsumeBytes(raw)
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
	}
	var u uint64
	switch wireType(f.Kind()) {
	case protowire.Fixed32Type:
		n, _ := protowire.ConsumeFixed32(raw)
		u = uint64(n)
	case protowire.Fixed64Type:
		u, _ = protowire.ConsumeFixed64(raw)
	default:
		u, _ = protowire.ConsumeVarint(raw)
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, u != 0)
	case protoreflect.EnumKind:
		return appendSymbol(dst, f.Enum(), protoreflect.EnumNumber(int32(u)))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(dst, int64(int32(u)), 10)
	case protoreflect.Sint32Kind:
		return strconv.AppendInt(dst, int64(int32(protowire.DecodeZigZag(u&math.MaxUint32))), 10)
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		return strconv.AppendInt(dst, int64(u), 10)
	case protoreflect.Sint64Kind:
		return strconv.AppendInt(dst, protowire.DecodeZigZag(u), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(dst, uint64(uint32(u)), 10)
	case protoreflect.FloatKind:
		return appendFloat(dst, float64(math.Float32frombits(uint32(u))))
	case protoreflect.DoubleKind:
		return appendFloat(dst, math.Float64frombits(u))
	}
	return strconv.AppendUint(dst, u, 10)
}

func appendFloat(dst []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case abs != 0 && (abs < 1e-6 || abs >= 1<<53):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

var (
	errNotExact = errors.New("no number of that type is the same")
	errNoNumber = errors.New("it is no number")
)

// parseDouble is the double that a number as JSON spells it says, where one is the same.
func parseDouble(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errNotExact
	}
	if !strings.ContainsAny(text, ".eE") {
		whole, _ := new(big.Float).SetFloat64(f).Int(nil)
		if whole.String() != text && text != "-0" {
			return 0, errNotExact
		}
		return f, nil
	}
	said, ok := tree.ParseDecimal([]byte(text))
	short, _ := tree.ParseDecimal(strconv.AppendFloat(nil, f, 'e', -1, 64))
	if !ok || !said.Equal(short) {
		return 0, errNotExact
	}
	return f, nil
}

// parseFloat is the bits of a float or a double.
func parseFloat(text string, quoted bool, bits int) (uint64, error) {
	var f float64
	switch {
	case !quoted:
		var err error
		if f, err = parseDouble(text); err != nil {
			return 0, err
		}
	case text == "NaN":
		if bits == 32 {
			return 0x7fc00000, nil
		}
		return 0x7ff8000000000000, nil
	case text == "Infinity":
		f = math.Inf(1)
	case text == "-Infinity":
		f = math.Inf(-1)
	default:
		return 0, errNoNumber
	}
	if bits == 64 {
		return math.Float64bits(f), nil
	}
	if float64(float32(f)) != f {
		return 0, errNotExact
	}
	return uint64(math.Float32bits(float32(f))), nil
}
