package klog

import (
	"slices"

	"backstitch/replay/kbatch"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// aborted decides, walking the batches of one fetch answer in order, which of them belong to a transaction that was rolled
// back. A broker sends such batches also to read_committed clients, beside a list of (producer, first offset); the client
// has to leave them out. A producer is aborting from its first offset on until its abort marker, and may then write again.
type aborted struct {
	pending []kmsg.FetchResponseTopicPartitionAbortedTransaction // by first offset
	active  map[int64]bool                                       // by producer id
}

func newAborted(txns []kmsg.FetchResponseTopicPartitionAbortedTransaction) *aborted {
	pending := slices.Clone(txns)
	slices.SortFunc(pending, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		switch {
		case a.FirstOffset < b.FirstOffset:
			return -1
		case a.FirstOffset > b.FirstOffset:
			return 1
		}
		return 0
	})
	return &aborted{pending: pending, active: make(map[int64]bool)}
}

// drop reports whether batch is not committed data: a marker, or part of a transaction that was rolled back.
func (a *aborted) drop(batch []byte, h *kbatch.Header) bool {
	for len(a.pending) > 0 && a.pending[0].FirstOffset <= h.LastOffset() {
		a.active[a.pending[0].ProducerID] = true
		a.pending = a.pending[1:]
	}
	if h.Control() {
		if commit, ok := kbatch.Committed(batch, h); ok && !commit {
			delete(a.active, h.ProducerID)
		}
		return true
	}
	return h.Transactional() && a.active[h.ProducerID]
}
