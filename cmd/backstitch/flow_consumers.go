package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/conductor"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/connect"
	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
)

// flowConsumers reaches the consumer groups that steps of flows wait for, with this agent's connections.
type flowConsumers struct {
	cfg  map[string]config.Connection
	env  connect.Env
	more []kgo.Opt // of tests
}

var _ conductor.Consumers = (*flowConsumers)(nil)

// groupMarks is where a topic ended when a wait began. It is in the book: change it only so that what is there can still be read.
type groupMarks struct {
	Topic string          `json:"topic"` // its id
	Ends  map[int32]int64 `json:"ends"`
}

// Watch dials the step's Kafka, and finds out where the topic ends unless the step knows already.
func (c *flowConsumers) Watch(ctx context.Context, w conductor.Wait, marks []byte) (conductor.Watch, error) {
	k := c.cfg[w.Kafka].Kafka
	if k == nil {
		return nil, fmt.Errorf("%w: no Kafka connection %s is in the configuration of the agent that leads: add connections.%s.kafka there and on every other agent",
			conductor.ErrRefused, w.Kafka, w.Kafka)
	}
	conn := k.Connect()
	cl, err := conn.Client(connect.ClientID(""), c.env, c.more...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", conductor.ErrRefused, err)
	}
	out := &flowWatch{client: cl, wait: w, marks: marks}
	if err = conn.Ping(ctx, cl); err == nil {
		err = out.begin(ctx)
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return out, nil
}

// flowWatch looks at the groups of one step.
type flowWatch struct {
	client *kgo.Client
	wait   conductor.Wait
	marks  []byte
	at     groupMarks
}

func (f *flowWatch) begin(ctx context.Context) error {
	if f.marks != nil {
		if err := json.Unmarshal(f.marks, &f.at); err != nil {
			return fmt.Errorf("%w: the marks of the step can not be read: %w", conductor.ErrRefused, err)
		}
		return nil
	}
	t, err := f.topic(ctx)
	if err != nil {
		return err
	}
	f.at = groupMarks{Topic: t.ID.String(), Ends: ends(t)}
	f.marks, err = json.Marshal(f.at)
	return err
}

// ends is where committed data of a topic ends now.
func ends(t *klog.Topic) map[int32]int64 {
	out := map[int32]int64{}
	for part, w := range t.Partitions {
		out[part] = w.LSO
	}
	return out
}

func (f *flowWatch) topic(ctx context.Context) (*klog.Topic, error) {
	t, err := klog.Watermarks(ctx, f.client, f.wait.Topic)
	if errors.Is(err, klog.ErrUnknownTopic) || errors.Is(err, klog.ErrDenied) {
		return nil, fmt.Errorf("%w: %w", conductor.ErrRefused, err)
	}
	return t, err
}

func (f *flowWatch) Marks() []byte { return f.marks }

func (f *flowWatch) Look(ctx context.Context) ([]conductor.Standing, error) {
	t, err := f.topic(ctx)
	if err != nil {
		return nil, err
	}
	if id := t.ID.String(); id != f.at.Topic {
		return nil, fmt.Errorf("%w: topic %s was deleted and made anew: its id is %s, and was %s when the step began", conductor.ErrRefused, t.Name, id, f.at.Topic)
	}
	to := f.at.Ends
	if f.wait.Until == conductor.UntilEnd {
		to = ends(t)
	}
	var out []conductor.Standing
	for _, g := range f.wait.Groups {
		s, err := kgroup.Behind(ctx, f.client, t, to, g)
		if errors.Is(err, klog.ErrDenied) {
			err = fmt.Errorf("%w: %w", conductor.ErrRefused, err)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, conductor.Standing(s))
	}
	return out, nil
}

func (f *flowWatch) Close() { f.client.Close() }
