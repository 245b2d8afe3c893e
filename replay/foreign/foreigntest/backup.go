package foreigntest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"backstitch/replay/record"

	"github.com/pierrec/lz4/v4"
)

// Firehose writes values one after the other, with nothing between them.
func Firehose(_ int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for i, c := range chunks(rs, n) {
		at := time.Date(2026, 11, 20, 10, 0, i, 0, time.UTC)
		var body []byte
		for _, r := range c {
			body = append(body, r.Value...)
		}
		files[FirehoseKey(at, i)] = body
	}
	return files
}

// FirehoseAggregated writes records that the Kinesis Producer Library has put together, five at a time, and every sixth as it is.
func FirehoseAggregated(_ int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for i, c := range chunks(rs, n) {
		var body []byte
		for _, some := range chunks(c, 6) {
			body = append(body, Aggregate(some[:min(5, len(some))])...)
			for _, r := range some[min(5, len(some)):] {
				body = append(body, r.Value...)
			}
		}
		files[FirehoseKey(time.Date(2026, 11, 20, 10, 0, i, 0, time.UTC), i)] = body
	}
	return files
}

// Aggregate is records as the Kinesis Producer Library puts them together: four bytes, a message of Protobuf, the MD5 of that.
func Aggregate(rs []record.Record) []byte {
	field := func(dst []byte, number byte, b []byte) []byte {
		return append(binary.AppendUvarint(append(dst, number<<3|2), uint64(len(b))), b...)
	}
	message := field(nil, 1, []byte("a partition key"))
	for _, r := range rs {
		message = field(message, 3, field([]byte{1 << 3, 0}, 3, r.Value)) // the first of the keys, and the data
	}
	sum := md5.Sum(message)
	return append(append([]byte("\xf3\x89\x9a\xc2"), message...), sum[:]...)
}

// FirehoseKey is the name of an object that was begun at a time.
func FirehoseKey(at time.Time, i int) string {
	return fmt.Sprintf("%s/%s-1-%s-%08x-0000-0000-0000-000000000000", at.Format("2006/01/02/15"), Topic, at.Format("2006-01-02-15-04-05"), i)
}

var le = binary.LittleEndian

// OSO writes segments of kafka-backup under codec 0, 1 or 2, and the partition's part of a manifest as a backup of its own.
func OSO(codec byte) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		files := map[string][]byte{}
		backup := fmt.Sprintf("backup-%d", part)
		type segment map[string]any
		var segments []segment
		for _, c := range chunks(rs, n) {
			key := fmt.Sprintf("%s/topics/%s/partition=%d/segment-%020d.bin", backup, Topic, part, c[0].Offset) + []string{"", ".zst", ".lz4"}[codec]
			files[key] = Segment(codec, c)
			segments = append(segments, segment{"key": "prefix/" + key, "start_offset": c[0].Offset, "end_offset": c[len(c)-1].Offset, "record_count": len(c)})
		}
		manifest, err := json.Marshal(map[string]any{"topics": []any{map[string]any{"name": Topic, "partitions": []any{map[string]any{"partition_id": part, "segments": segments}}}}})
		if err != nil {
			panic("a manifest has JSON: " + err.Error())
		}
		files[backup+"/manifest.json"] = manifest
		return files
	}
}

// Segment is one segment of kafka-backup.
func Segment(codec byte, rs []record.Record) []byte {
	var body []byte
	part := func(b, p []byte) []byte {
		if p == nil {
			return le.AppendUint32(b, 0xffffffff)
		}
		return append(le.AppendUint32(b, uint32(len(p))), p...)
	}
	for _, r := range rs {
		rec := le.AppendUint64(nil, uint64(r.TimestampMs))
		rec = le.AppendUint64(rec, uint64(r.Offset))
		rec = part(part(rec, r.Key), r.Value)
		rec = le.AppendUint16(rec, uint16(len(r.Headers)))
		for _, h := range r.Headers {
			rec = append(le.AppendUint16(rec, uint16(len(h.Key))), h.Key...)
			rec = part(rec, h.Value)
		}
		body = append(le.AppendUint32(body, uint32(len(rec))), rec...)
	}
	switch codec {
	case 1:
		body = Compress(".zst", body)
	case 2:
		raw := make([]byte, lz4.CompressBlockBound(len(body)))
		n, err := lz4.CompressBlock(body, raw, nil)
		if err != nil || n == 0 {
			panic(fmt.Sprint("compress into memory: ", n, err))
		}
		body = append(le.AppendUint32(nil, uint32(len(body))), raw[:n]...)
	}
	var first, last int64
	if len(rs) > 0 {
		first, last = rs[0].Offset, rs[len(rs)-1].Offset
	}
	out := append([]byte("KBAK"), 1, codec, 0, 0)
	out = le.AppendUint64(out, uint64(len(rs)))
	out = le.AppendUint64(le.AppendUint64(out, uint64(first)), uint64(last))
	return Seal(append(out, body...))
}

// Seal adds the footer of a segment.
func Seal(b []byte) []byte { return append(le.AppendUint32(b, crc32.ChecksumIEEE(b)), "BKAE"...) }

// Gazette writes fragments of a journal per partition.
func Gazette(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	begin := 0
	for i, c := range chunks(rs, n) {
		body := lines(c, value)
		ext := []string{".raw", ".gz", ".zst", ".sz"}[i%4]
		key := fmt.Sprintf("%s/part-%03d/utc_date=2026-11-20/%016x-%016x-%x%s", Topic, part, begin, begin+len(body), sha1.Sum(body), ext)
		begin += len(body)
		stored := body
		if ext == ".sz" {
			stored = Compress(".snappy", body)
		} else {
			stored = Compress(key, body)
		}
		files[key] = bytes.Clone(stored)
	}
	return files
}
