package dir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"

	"github.com/zeebo/xxh3"
)

// writer writes one slice. It holds the records of one commit as text.
type writer struct {
	s     *Sink
	dir   string
	slice partition.Slice
	epoch partition.Epoch

	number int64  // of the last commit that it knows
	to     int64  // records in the partition up to there
	text   []byte // of the records since
	count  int64
	dead   error
}

var errClosed = errors.New("writer is closed")

// Write renders batch and releases it.
func (w *writer) Write(_ context.Context, batch *record.Batch) error {
	defer batch.Release()
	if w.dead != nil {
		return w.dead
	}
	for i := range batch.Records {
		r := &batch.Records[i]
		var own []record.Header
		if w.s.cfg.OriginHeaders {
			origin := w.s.cfg.SourceTopic + "/" + strconv.Itoa(int(w.slice.Partition)) + "/" + strconv.FormatInt(r.Offset, 10)
			own = []record.Header{{Key: sink.OriginHeader, Value: []byte(origin)}, {Key: sink.JobHeader, Value: []byte(w.slice.ID.Job)}}
		}
		w.text = appendLine(w.text, w.to+w.count, r, own)
		w.count++
	}
	if int64(len(w.text)) > w.s.cfg.BufferBytes {
		w.dead = fmt.Errorf("%d records since the last commit take %d bytes, %d are allowed: commit more often", w.count, len(w.text), w.s.cfg.BufferBytes)
	}
	return w.dead
}

// Commit makes everything since the last Commit visible together with p.
func (w *writer) Commit(_ context.Context, p sink.Progress) error {
	if w.dead != nil {
		return w.dead
	}
	err := w.commit(p)
	switch {
	case errors.Is(err, fs.ErrExist):
		err = fmt.Errorf("commit %d of %s is there already: %w", w.number+1, w.dir, sink.ErrFenced)
	case err != nil && !errors.Is(err, sink.ErrProgress):
		// The commit may be there although the directory could not be synced.
		err = fmt.Errorf("commit %d of %s: %w: %w", w.number+1, w.dir, err, sink.ErrUnknownOutcome)
	}
	w.text, w.count, w.dead = w.text[:0], 0, err
	return err
}

func (w *writer) commit(p sink.Progress) error {
	if w.count == 0 {
		return w.append(entry{}, p)
	}
	sum := xxh3.Hash128(w.text).Bytes()
	e := entry{
		// The checksum tells the files of two writers of one number apart.
		Data: fmt.Sprintf("%020d-%x.ndjson", w.number+1, sum[:8]),
		Size: int64(len(w.text)), Sum: hex.EncodeToString(sum[:]), From: w.to, To: w.to + w.count,
	}
	// A file of that name with that content is what a writer left that died before its commit.
	if err := putNew(w.s.root, w.dir, e.Data, w.text, w.s.names.Add(1)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	failpoint.Reach(failpoint.DirDataWritten)
	return w.append(e, p)
}

// Close gives up what is not committed.
func (w *writer) Close() error {
	if w.dead == nil {
		w.dead = errClosed
	}
	w.text = nil
	return nil
}
