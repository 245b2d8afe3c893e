package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"backstitch/replay/sink"
	"backstitch/storage/failpoint"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How a commit happens: all records acknowledged, the progress added to the transaction, the transaction ended. Up to the end
// every error means that nothing of it is visible. Of the end alone nobody can tell when no answer comes.
//
// A commit without records is sent past the client's producer, which has no transaction to end then. The transaction timeout
// bounds how long a half-done commit keeps readers waiting.

// Commit makes everything written since the last Commit visible together with p.
func (w *writer) Commit(ctx context.Context, p sink.Progress) error {
	if err := w.err(); err != nil {
		return err
	}
	// The brokers give up a transaction after that time, so waiting longer is of no use.
	ctx, cancel := context.WithTimeout(ctx, w.s.cfg.TransactionTimeout)
	defer cancel()
	if err := w.cl.Flush(ctx); err != nil {
		w.fail(err, -1)
		return fmt.Errorf("flush: %w", err)
	}
	if err := w.err(); err != nil {
		return err
	}
	failpoint.Reach(failpoint.KafkaFlushed)
	text, err := sink.Stamp{Slice: w.slice.ID.N, Epoch: w.epoch, Progress: p}.Encode()
	if err != nil {
		w.fail(err, -1)
		return err
	}
	sink.Labelled(ctx, sink.LabelCheckpoint, func(ctx context.Context) { err = w.addProgress(ctx, text, p.Cursor) })
	if err != nil {
		w.fail(err, -1)
		return classify("add progress", err)
	}
	failpoint.Reach(failpoint.KafkaProgressAdded)
	if err := w.end(ctx); err != nil {
		w.fail(err, -1)
		return ended(err)
	}
	if err := failpoint.Err(failpoint.KafkaEnded); err != nil {
		w.fail(err, -1)
		return ended(err)
	}
	// Under a rule nobody asks for what others wrote, and so nobody has to know what the lane did.
	if w.s.cfg.Rule == nil {
		if first, last, ok := w.spans.of(w.slice.Partition); ok && last-first+1 == w.written {
			w.lane.wrote(first, last)
		}
	}
	if p.Cursor >= w.slice.Ranges.Span().To {
		w.visible(ctx)
		failpoint.Reach(failpoint.KafkaVisible)
	}
	w.written = 0
	w.spans.reset()
	return nil
}

// addProgress puts the progress into the open transaction.
func (w *writer) addProgress(ctx context.Context, text string, cursor int64) error {
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = w.id, w.pid, w.pepoch, w.id
	err := w.again(ctx, func() (int16, error) {
		resp, err := add.RequestWith(ctx, w.cl)
		if err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
	if err != nil {
		return err
	}
	failpoint.Reach(failpoint.KafkaGroupAdded)
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = w.id, w.id, w.pid, w.pepoch
	req.Generation = -1
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic = w.s.cfg.Topic
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset, part.Metadata = w.s.stampPartition(w.slice.Partition), max(cursor, 0), &text
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	return w.again(ctx, func() (int16, error) {
		resp, err := req.RequestWith(ctx, w.cl)
		if err != nil {
			return 0, err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return 0, fmt.Errorf("answer for one partition holds %d topics", len(resp.Topics))
		}
		return resp.Topics[0].Partitions[0].ErrorCode, nil
	})
}

// end ends the transaction with a commit.
func (w *writer) end(ctx context.Context) error {
	if w.written > 0 {
		if err := w.endWritten(ctx, kgo.TryCommit); err != nil {
			return err
		}
		if err := w.cl.BeginTransaction(); err != nil {
			w.fail(err, -1) // what was committed stays so; the next Write says why it can not go on
		}
		return nil
	}
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = w.id, w.pid, w.pepoch, true
	return w.again(ctx, func() (int16, error) {
		resp, err := req.RequestWith(ctx, w.cl)
		if err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
}

// visible waits until readers of committed data see what the last commit holds. Brokers answer the end of a transaction before its markers
// are in the partitions, and whoever compares the target when this slice is done must not find the last records missing. The
// commit is durable whatever comes of the wait, so nothing of it is an error.
func (w *writer) visible(ctx context.Context) {
	last := map[int32]int64{}
	for part := range w.spans.written() {
		_, last[part], _ = w.spans.of(part)
	}
	w.reached(ctx, last)
}

// reached waits until readers of committed data are past the given offsets.
func (w *writer) reached(ctx context.Context, last map[int32]int64) {
	for len(last) > 0 {
		t, err := w.s.watermarks(ctx)
		if err != nil {
			return
		}
		maps.DeleteFunc(last, func(part int32, offset int64) bool { return t.Partitions[part].LSO > offset })
		if len(last) > 0 && pause(ctx) != nil {
			return
		}
	}
}

// again repeats do while the brokers are still writing out the transaction before, or moving a coordinator.
func (w *writer) again(ctx context.Context, do func() (int16, error)) error {
	for {
		code, err := do()
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(code)
		if !errors.Is(err, kerr.ConcurrentTransactions) && !errors.Is(err, kerr.CoordinatorLoadInProgress) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// ended sorts what came back from ending a transaction. A definite answer of a broker means that it was not ended.
func ended(err error) error {
	var ke *kerr.Error
	if errors.As(err, &ke) && !ke.Retriable && ke.Code != kerr.UnknownServerError.Code {
		return classify("end transaction", err)
	}
	return fmt.Errorf("end transaction: %w: %w", err, sink.ErrUnknownOutcome)
}
