package klog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"backstitch/partition"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker that closes its connections is not the end of the records.
func TestClosedConnectionIsNotTheEnd(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), cl, Options{Topic: "t", Range: partition.Range{From: 0, To: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.Metadata} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			return nil, errors.New("close the connection"), true
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := r.Next(ctx); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want an error that is not the end", err)
	}
	if err := broken(fmt.Errorf("read: %w", io.EOF)); errors.Is(err, io.EOF) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want an unexpected end", err)
	}
}
