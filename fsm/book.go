package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/fsm/wire"
	"backstitch/storage"
)

// This file reads and seals single values. Each value ends with a CRC32C over its key and its bytes, so that a changed bit,
// and a value that turns up under another key, is found at the read even where pebble's own checksums did not look.

const sealBytes = 4

// book reads one slot of one state: a batch, a snapshot or the database.
type book struct {
	r    pebble.Reader
	slot slot
}

// get decodes the value under k into v. ok is false when there is none.
func (b book) get(k []byte, v any) (ok bool, err error) {
	raw, closer, err := b.r.Get(b.slot.key(k))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, storage.Classify(keyName(k), err)
	}
	err = unseal(k, raw, v)
	return err == nil, errors.Join(err, closer.Close())
}

// entry is one key and its sealed value, valid until the next step of the scan.
type entry struct {
	key   []byte
	value []byte
}

// scan yields the entries whose keys begin with prefix, from the key from on; from may be nil.
func (b book) scan(prefix, from []byte) iter.Seq2[entry, error] {
	if from == nil {
		from = prefix
	}
	return func(yield func(entry, error) bool) {
		it, err := b.r.NewIter(&pebble.IterOptions{LowerBound: b.slot.key(from), UpperBound: successor(b.slot.key(prefix))})
		if err != nil {
			yield(entry{}, storage.Classify(keyName(prefix), err))
			return
		}
		going := true
		for ok := it.First(); ok && going; ok = it.Next() {
			value, err := it.ValueAndErr()
			if err != nil {
				break // Error and Close return it again
			}
			going = yield(entry{key: it.Key()[2:], value: value}, nil)
		}
		if err := it.Close(); err != nil && going {
			yield(entry{}, storage.Classify(keyName(prefix), err))
		}
	}
}

// successor is the first key behind all that begin with prefix. Prefixes never consist of 0xff alone.
func successor(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// seal appends the checksum to value, which must have been encoded for k.
func seal(k, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, storage.Checksum(k, value))
}

// unseal checks the value of k and decodes it into v; nil v only checks.
func unseal(k, sealed []byte, v any) error {
	n := len(sealed) - sealBytes
	if n < 0 {
		return storage.Damaged(keyName(k), fmt.Errorf("%d bytes are too few to hold a checksum", len(sealed)))
	}
	got, want := storage.Checksum(k, sealed[:n]), binary.BigEndian.Uint32(sealed[n:])
	if got != want {
		return storage.Damaged(keyName(k), fmt.Errorf("checksum is %08x, want %08x", got, want))
	}
	if v == nil {
		return nil
	}
	switch err := wire.Unmarshal(sealed[:n], v); {
	case errors.Is(err, wire.ErrVersion):
		return fmt.Errorf("%s: %w: %w", keyName(k), storage.ErrNewer, err)
	case err != nil:
		return storage.Damaged(keyName(k), err)
	}
	return nil
}
