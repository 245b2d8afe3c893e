package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tampered says what was changed.
type Tampered struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Before    string `json:"before"` // the value
	After     string `json:"after"`
}

// Tamper stops the broker, changes the last byte of the value at offset, mends the CRC of its batch and starts the broker
// again on the same port.
func (s *Sandbox) Tamper(topic string, partition int32, offset int64) (Tampered, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker == nil {
		return Tampered{}, errors.New("broker is stopped")
	}
	s.broker.Close()
	s.broker = nil
	dir := filepath.Join(s.cfg.Dir, "kafka", "partitions", fmt.Sprintf("%s-%d", url.PathEscape(topic), partition))
	before, after, err := tamperFiles(dir, offset)
	if startErr := s.startLocked(); startErr != nil {
		return Tampered{}, errors.Join(err, startErr)
	}
	if err != nil {
		return Tampered{}, fmt.Errorf("%s/%d offset %d: %w", topic, partition, offset, err)
	}
	return Tampered{Topic: topic, Partition: partition, Offset: offset, Before: string(before), After: string(after)}, nil
}

// tamperFiles finds the segment file that holds offset and changes it in place. A segment is named after its first offset.
func tamperFiles(dir string, offset int64) (before, after []byte, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	base := int64(-1)
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		if n, err := strconv.ParseInt(name, 10, 64); ok && err == nil && n <= offset {
			base = max(base, n)
		}
	}
	if base < 0 {
		return nil, nil, errors.New("no segment holds it")
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.dat", base))
	raw, err := os.ReadFile(path) // #nosec G703 -- a directory of the sandbox, and a number
	if err != nil {
		return nil, nil, err
	}
	before, after, err = tamperSegment(raw, offset)
	if err != nil {
		return nil, nil, err
	}
	return before, after, os.WriteFile(path, raw, 0o600) // #nosec G703 -- as above
}

// Where things lie in a record batch of format 2; all numbers are big endian.
const (
	batchLength     = 8  // int32, of everything after it
	batchCRC        = 17 // uint32, Castagnoli, over everything after it
	batchAttributes = 21 // int16, the low three bits are the codec
	batchLastDelta  = 23 // int32
	batchRecords    = 61
)

// tamperSegment walks the batches of raw and changes the value at offset in place.
func tamperSegment(raw []byte, offset int64) (before, after []byte, err error) {
	for len(raw) >= batchRecords {
		first := int64(binary.BigEndian.Uint64(raw))
		size := batchLength + 4 + int(binary.BigEndian.Uint32(raw[batchLength:]))
		if size < batchRecords || size > len(raw) {
			break
		}
		batch := raw[:size]
		raw = raw[size:]
		if offset < first || offset > first+int64(binary.BigEndian.Uint32(batch[batchLastDelta:])) {
			continue
		}
		if codec := batch[batchAttributes+1] & 7; codec != 0 {
			return nil, nil, fmt.Errorf("its batch is compressed (codec %d)", codec)
		}
		value, err := valueAt(batch[batchRecords:], offset-first)
		if err != nil {
			return nil, nil, err
		}
		before = append(before, value...)
		value[len(value)-1] ^= 1
		binary.BigEndian.PutUint32(batch[batchCRC:], crc32.Checksum(batch[batchAttributes:], crc32.MakeTable(crc32.Castagnoli)))
		return before, append(after, value...), nil
	}
	return nil, nil, errors.New("no batch holds it")
}

var errShortBatch = errors.New("batch ends early")

// valueAt returns the value of the record whose offset delta is delta, as a part of records.
func valueAt(records []byte, delta int64) ([]byte, error) {
	for len(records) > 0 {
		length, n := binary.Varint(records)
		if n <= 0 || length < 1 || int64(len(records)-n) < length {
			return nil, errShortBatch
		}
		body := records[n : n+int(length)]
		records = records[n+int(length):]
		r := reader{rest: body[1:]} // after the attributes
		r.varint()                  // timestamp delta
		at := r.varint()
		r.bytes() // key
		value := r.bytes()
		if r.short {
			return nil, errShortBatch
		}
		if at == delta {
			if len(value) == 0 {
				return nil, errors.New("its value is empty")
			}
			return value, nil
		}
	}
	return nil, errors.New("no record has that offset")
}

// reader takes fields off a record.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.short = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.varint()
	if n < 0 {
		return nil
	}
	if int64(len(r.rest)) < n {
		r.short = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}
