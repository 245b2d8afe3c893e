package record

import (
	"strings"

	"backstitch/partition"
)

// Header is one Kafka record header. Order and repeated keys matter.
type Header struct {
	Key   string
	Value []byte // nil is null
}

// own reports whether backstitch has added it.
func (h *Header) own() bool { return strings.HasPrefix(h.Key, OwnHeaderPrefix) }

// TimestampType says who set a timestamp. The numbers are Kafka's.
type TimestampType int8

const (
	CreateTime    TimestampType = 0
	LogAppendTime TimestampType = 1
)

// Record is one record of one partition. Fields that a source does not hold are zero and not in its Fields.
type Record struct {
	Offset        partition.Offset // position in the reference, or offset in the topic it was read from
	TimestampMs   int64            // Kafka's milliseconds since 1970, may be negative
	TimestampType TimestampType
	Key           []byte
	Value         []byte
	Headers       []Header
}

// Fields says which parts of a record a source holds. A comparison looks at what both sides hold and lists the rest as
// not checked.
type Fields uint8

const (
	FieldKey Fields = 1 << iota
	FieldValue
	FieldHeaders
	FieldTimestamp
	AllFields = FieldKey | FieldValue | FieldHeaders | FieldTimestamp
)
