package raftlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// ErrKeyNotFound is returned for a key that was never set. Raft compares its text, so it must not change.
var ErrKeyNotFound = errors.New("not found")

const stableFormat = 1

// Set stores value under key, synced. Term and vote go through here: a vote that is forgotten is a vote cast twice.
func (l *Log) Set(key, value []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	batch := l.pebble.NewBatch()
	if err := batch.Set(storage.StableSpace.Key(key...), stableValue(key, value), nil); err != nil {
		return l.db.Fail(errors.Join(err, batch.Close()))
	}
	if err := l.commit(batch); err != nil {
		return err
	}
	failpoint.Reach(failpoint.RaftlogStableSet)
	return nil
}

// Get returns the value of key, or ErrKeyNotFound.
func (l *Log) Get(key []byte) ([]byte, error) {
	stored, closer, err := l.pebble.Get(storage.StableSpace.Key(key...))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrKeyNotFound
	}
	if err != nil {
		return nil, l.db.Fail(storage.Classify(stableName(key), err))
	}
	value, err := checkStable(key, stored)
	value = bytes.Clone(value)
	if err := errors.Join(err, closer.Close()); err != nil {
		return nil, l.db.Fail(storage.Damaged(stableName(key), err))
	}
	return value, nil
}

// SetUint64 stores a number, synced.
func (l *Log) SetUint64(key []byte, value uint64) error {
	return l.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns the number of key, or ErrKeyNotFound.
func (l *Log) GetUint64(key []byte) (uint64, error) {
	value, err := l.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%s: %d bytes are not a number", stableName(key), len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func stableName(key []byte) string { return fmt.Sprintf("raft hard state %q", key) }

func stableValue(key, value []byte) []byte {
	b := append(make([]byte, 0, 1+len(value)+checksumSize), stableFormat)
	b = append(b, value...)
	return binary.BigEndian.AppendUint32(b, storage.Checksum(key, b))
}

// checkStable returns the part of stored that is the value. The key is part of the checksum.
func checkStable(key, stored []byte) ([]byte, error) {
	n := len(stored) - checksumSize
	if n < 1 {
		return nil, fmt.Errorf("%d bytes are too few", len(stored))
	}
	if got, want := storage.Checksum(key, stored[:n]), binary.BigEndian.Uint32(stored[n:]); got != want {
		return nil, fmt.Errorf("checksum is %08x, want %08x", got, want)
	}
	if stored[0] != stableFormat {
		return nil, fmt.Errorf("format %d is not known to this program", stored[0])
	}
	return stored[1:n], nil
}

// scanStable checks the whole hard state and returns how many keys it has.
func (l *Log) scanStable(ctx context.Context) (keys int, err error) {
	const name = "raft hard state"
	it, err := l.pebble.NewIter(&pebble.IterOptions{LowerBound: storage.StableSpace.Lower(), UpperBound: storage.StableSpace.Upper()})
	if err != nil {
		return 0, storage.Classify(name, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, storage.Classify(name, err)
		}
		if _, err := checkStable(it.Key()[1:], value); err != nil {
			return 0, storage.Damaged(stableName(it.Key()[1:]), err)
		}
		keys++
	}
	return keys, storage.Classify(name, it.Error())
}
