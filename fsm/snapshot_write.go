package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"backstitch/storage"
)

func writeSnapshot(w io.Writer, v *View) error {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer func() { enc.Close() }()
	out := &summed{w: w, sum: sha256.New()}
	head := append([]byte(nil), snapshotMagic...)
	head = binary.BigEndian.AppendUint64(head, v.at.Index)
	head = binary.BigEndian.AppendUint64(head, v.at.Term)
	head = append(head, v.at.Digest[:]...)
	head = binary.BigEndian.AppendUint32(head, storage.Checksum(head))
	if _, err := out.Write(head); err != nil {
		return err
	}
	var raw []byte
	for e, err := range v.scan(nil, nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil) // a damaged value must not travel
		}
		if err != nil {
			return v.failed(err)
		}
		raw = appendEntry(raw, e.key, e.value)
		if len(raw) >= blockBytes {
			if err := writeBlock(out, enc, raw); err != nil {
				return err
			}
			raw = raw[:0]
		}
	}
	if len(raw) > 0 {
		if err := writeBlock(out, enc, raw); err != nil {
			return err
		}
	}
	if err := writeBlock(out, enc, nil); err != nil {
		return err
	}
	_, err = w.Write(out.sum.Sum(nil))
	return err
}

func appendEntry(dst, k, value []byte) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(k))), k...)
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// writeBlock writes one block; an empty one ends the entries.
func writeBlock(w io.Writer, enc *zstd.Encoder, raw []byte) error {
	block := make([]byte, blockHeadBytes, blockHeadBytes+len(raw)/2)
	if len(raw) > 0 {
		block = enc.EncodeAll(raw, block)
	}
	body := block[blockHeadBytes:]
	binary.BigEndian.PutUint32(block, uint32(len(body)))
	binary.BigEndian.PutUint32(block[4:], uint32(len(raw)))
	binary.BigEndian.PutUint32(block[8:], storage.Checksum(block[:8], body))
	_, err := w.Write(block)
	return err
}

type summed struct {
	w   io.Writer
	sum hash.Hash
}

func (s *summed) Write(b []byte) (int, error) {
	s.sum.Write(b)
	return s.w.Write(b)
}
