package cluster

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// A pipeline whose reader has left after a failed answer must not keep its sender for ever.
func TestASendThatWaitsForRoomEndsWithTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := &fakePipeline{answers: make(chan raft.AppendFuture), room: make(chan struct{})}
		p := newPipeline(below)
		sent := make(chan error, 1)
		go func() {
			_, err := p.AppendEntries(&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
			sent <- err
		}()
		below.answers <- refusal{} // to an earlier request; its reader returns
		<-p.Consumer()
		select {
		case err := <-sent:
			if err == nil {
				t.Error("the send was accepted, want an error")
			}
		case <-time.After(time.Hour):
			t.Error("the send waits for ever")
			close(below.room)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// fakePipeline has no room until it is closed, as the library's when its reader is gone.
type fakePipeline struct {
	answers chan raft.AppendFuture
	room    chan struct{}
}

func (f *fakePipeline) AppendEntries(*raft.AppendEntriesRequest, *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	<-f.room
	return nil, raft.ErrPipelineShutdown
}
func (f *fakePipeline) Consumer() <-chan raft.AppendFuture { return f.answers }
func (f *fakePipeline) Close() error                       { close(f.room); return nil }

type refusal struct{ raft.AppendFuture }

func (refusal) Error() error                          { return nil }
func (refusal) Request() *raft.AppendEntriesRequest   { return &raft.AppendEntriesRequest{Term: 2} }
func (refusal) Response() *raft.AppendEntriesResponse { return &raft.AppendEntriesResponse{Term: 2} }
