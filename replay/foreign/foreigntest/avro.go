package foreigntest

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/flate"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// AvroMarker is the sync marker of all objects of Avro here.
var AvroMarker = [16]byte{0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xfd}

// AvroObject is an object container of datums that are encoded already, perBlock to a block.
func AvroObject(schema, codec string, perBlock int, datums ...[]byte) []byte {
	opts := []ocf.WriterOpt{ocf.WithBlockCount(perBlock), ocf.WithSyncMarker(AvroMarker)}
	switch codec {
	case "deflate":
		opts = append(opts, ocf.WithCodec(ocf.DeflateCodec(flate.DefaultCompression)))
	case "snappy":
		opts = append(opts, ocf.WithCodec(ocf.SnappyCodec()))
	case "zstandard":
		opts = append(opts, ocf.WithCodec(ocf.MustZstdCodec(nil, nil)))
	}
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, avro.MustParse(schema), opts...)
	if err != nil {
		panic(fmt.Sprint("write into memory: ", err))
	}
	for _, d := range datums {
		if _, err := w.Write(d); err != nil {
			panic(fmt.Sprint("write into memory: ", err))
		}
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprint("write into memory: ", err))
	}
	return out.Bytes()
}

// Datum is v as schema writes it.
func Datum(schema string, v any) []byte {
	b, err := avro.MustParse(schema).Encode(v)
	if err != nil {
		panic(fmt.Sprintf("%v is no datum of %s: %v", v, schema, err))
	}
	return b
}
