package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/replay/sink"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whether a transaction was ended at all. The client ends only what it knows to have begun: EndTransaction looks through the
// partitions that it has learned, and with none that was added to the transaction it sends nothing and reports success. The first
// records of a client wait for those partitions, and are handed on just before they become known (franz-go v1.22.2,
// storePartitionsUpdate). On a machine with too much to do, all of them can be acknowledged in between. The commit that follows would
// be one that never happened: records and progress are given up together when the transaction times out, and their owner went on.

// ends counts the brokers' answers to ends of transactions. It is a hook of the client.
type ends struct{ answered atomic.Int64 }

// OnBrokerRead is called before whoever waits for the answer gets it.
func (e *ends) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == int16(kmsg.EndTxn) && err == nil {
		e.answered.Add(1)
	}
}

// errNotEnded says that the client called a transaction ended that it never asked the brokers to end.
var errNotEnded = errors.New("the client reports an end of the transaction that it did not ask for")

// endWritten ends a transaction that holds records. Nothing but an answer of a broker counts as an end.
func (w *writer) endWritten(ctx context.Context, how kgo.TransactionEndTry) error {
	if err := w.learned(ctx); err != nil {
		return err
	}
	before := w.ends.answered.Load()
	if err := w.cl.EndTransaction(ctx, how); err != nil {
		return err
	}
	if w.ends.answered.Load() == before {
		return fmt.Errorf("%w: %w", errNotEnded, sink.ErrUnknownOutcome)
	}
	return nil
}

// learned waits until the client knows the partition that it has produced to. It learns all of a topic at once.
func (w *writer) learned(ctx context.Context) error {
	for {
		leader, _, err := w.cl.PartitionLeader(w.s.cfg.Topic, w.s.stampPartition(w.slice.Partition))
		if leader >= 0 || err != nil {
			return nil // after an error the partitions of before stay known
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for the partitions of %s: %w", w.s.cfg.Topic, err)
		}
	}
}
