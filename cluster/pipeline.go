package cluster

import (
	"sync"

	"github.com/hashicorp/raft"
)

// This file keeps the library's replication from standing still for ever. It sends ahead of answers on a pipeline, and reads those
// on another goroutine, which returns at the first one that is no success. When the sender waits at that moment for room in the
// pipeline, the one that makes room waits for the reader that is gone: nothing is ever sent to that follower again, heartbeats keep
// it from asking for votes, and neither stepping down nor shutting down ends it.

// transport is the library's with pipelines that end when their reader does.
type transport struct{ *raft.NetworkTransport }

// AppendEntriesPipeline opens a pipeline to a peer.
func (t transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return newPipeline(inner), nil
}

// pipeline hands answers on, and closes what is below after the last one that anybody reads.
type pipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	once    sync.Once
	closed  chan struct{}
	err     error // of closing; set before closed is closed
}

func newPipeline(inner raft.AppendPipeline) *pipeline {
	p := &pipeline{AppendPipeline: inner, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.run()
	return p
}

func (p *pipeline) run() {
	for {
		select {
		case f := <-p.AppendPipeline.Consumer():
			// The library fills answers in: what a reader does with them after they were handed on is not looked at.
			last := f.Error() != nil || !f.Response().Success || f.Response().Term > f.Request().Term
			select {
			case p.answers <- f:
			case <-p.closed:
				return
			}
			if last {
				_ = p.Close()
				return
			}
		case <-p.closed:
			return
		}
	}
}

// Consumer is where answers are read.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// Close ends the pipeline, and with it a send that waits for room.
func (p *pipeline) Close() error {
	p.once.Do(func() {
		p.err = p.AppendPipeline.Close()
		close(p.closed)
	})
	return p.err
}
