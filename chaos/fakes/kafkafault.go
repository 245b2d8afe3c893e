package fakes

import (
	"fmt"
	"net"

	"backstitch/chaos/fault"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerErrors says which error a fault's word stands for, and which requests brokers answer with it. Of several errors each fault
// draws one.
var brokerErrors = map[string]struct {
	errs []*kerr.Error
	keys []kmsg.Key
}{
	"not-leader": {
		[]*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable},
		[]kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets},
	},
	"coordinator": {
		[]*kerr.Error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator},
		[]kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.OffsetFetch},
	},
	"fenced": {
		[]*kerr.Error{kerr.InvalidProducerEpoch},
		[]kmsg.Key{kmsg.Produce, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn},
	},
	"out-of-range": {[]*kerr.Error{kerr.OffsetOutOfRange}, []kmsg.Key{kmsg.Fetch}},
	"timeout":      {[]*kerr.Error{kerr.RequestTimedOut}, []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.TxnOffsetCommit}},
}

// Apply does what a fault of the family broker says to all nodes, until the answer is stopped; the caller keeps the time. topic
// is the target topic, which retention and topic-recreated need. It is ErrCannot for a fault that this fake can not do.
func (k *Kafka) Apply(f fault.Fault, topic string) (*Injected, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	var in *Injected
	var err error
	switch f.Kind {
	case fault.BrokerRestart:
		in = k.Down()
	case fault.BrokerError:
		of, ok := brokerErrors[f.What]
		if !ok {
			return nil, fmt.Errorf("broker error %s: %w", f.What, ErrCannot)
		}
		in, err = k.Inject(Rule{Keys: of.keys, Err: of.errs[k.chance.pick(len(of.errs))], Percent: f.Percent})
	case fault.BrokerThrottle:
		in, err = k.Inject(Rule{Throttle: f.Delay})
	case fault.BrokerSlow:
		in, err = k.Inject(Rule{Delay: f.Delay, Jitter: f.Jitter})
	case fault.BrokerCut:
		in, err = k.Inject(Rule{Before: true, Percent: f.Percent})
	case fault.BrokerAmbiguous:
		in, err = k.Inject(Rule{After: true, Percent: f.Percent})
	case fault.Retention:
		in, err = k.Retain(topic, f.Percent)
	case fault.TopicRecreated:
		in, err = k.Recreate(topic)
	default:
		err = ErrCannot
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	in.Kind, in.what = f.Kind, f.String()
	return in, nil
}

// Down breaks all connections and refuses new ones, until the answer is stopped: a broker that restarts. Records, transactions
// and groups stay, and so does a transaction that was open. It hits when there was a connection to break or to refuse.
func (k *Kafka) Down() *Injected {
	in := &Injected{what: "the broker is down"}
	k.mu.Lock()
	k.refused[in] = struct{}{}
	k.mu.Unlock()
	in.hits.Add(k.reset(func(*tap) bool { return true }))
	in.stop = func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.refused, in)
	}
	return k.add(in)
}

func (k *Kafka) isDown() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for in := range k.refused {
		in.hits.Add(1)
	}
	return len(k.refused) > 0
}

// Cut drops everything between a node and the brokers until the answer is stopped. What was on the way arrives then. It hits when
// a request, an answer or a new connection had to wait.
func (k *Kafka) Cut(node string) (*Injected, error) {
	if k.mem == nil {
		return nil, fmt.Errorf("cut off one node on loopback: %w", ErrCannot)
	}
	in := &Injected{what: "cut " + node + " off the brokers"}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cuts[node] != nil {
		return nil, fmt.Errorf("%s is cut off already", node)
	}
	k.cuts[node] = in
	in.stop = func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.cuts, node)
		close(k.changed)
		k.changed = make(chan struct{})
	}
	return k.add(in), nil
}

// passCut waits until node is not cut off. Bytes that were on the way arrive then, as retransmission has it: also requests that the
// client has given up long ago.
func (k *Kafka) passCut(node string, done <-chan struct{}) error {
	for waited := false; ; waited = true {
		k.mu.Lock()
		cut, changed := k.cuts[node], k.changed
		k.mu.Unlock()
		if cut == nil {
			return nil
		}
		if !waited {
			cut.hits.Add(1)
		}
		select {
		case <-changed:
		case <-done:
			return net.ErrClosed
		}
	}
}

// Retain deletes the oldest percent of the records of each partition of topic. It hits as many as it deletes.
func (k *Kafka) Retain(topic string, percent float64) (*Injected, error) {
	infos := k.Cluster.PartitionInfos(topic)
	if len(infos) == 0 {
		return nil, fmt.Errorf("retention of %q: no such topic", topic)
	}
	in := &Injected{what: fmt.Sprintf("delete the oldest %g%% of %s", percent, topic)}
	for _, p := range infos {
		// Not beyond the oldest open transaction: brokers do not delete what is not decided.
		end := min(p.LastStableOffset, p.HighWatermark)
		to := p.LogStartOffset + int64(float64(end-p.LogStartOffset)*percent/100)
		if to <= p.LogStartOffset {
			continue
		}
		if err := k.Cluster.DeleteRecords(topic, p.Partition, to); err != nil {
			return nil, fmt.Errorf("delete records of %s/%d before %d: %w", topic, p.Partition, to, err)
		}
		in.hits.Add(to - p.LogStartOffset)
	}
	return k.add(in), nil
}

// Recreate deletes topic and makes it again, empty and with another id. It hits as many records as it had.
func (k *Kafka) Recreate(topic string) (*Injected, error) {
	infos := k.Cluster.PartitionInfos(topic)
	if len(infos) == 0 {
		return nil, fmt.Errorf("recreate %q: no such topic", topic)
	}
	in := &Injected{what: "recreate " + topic}
	for _, p := range infos {
		in.hits.Add(p.HighWatermark - p.LogStartOffset)
	}
	if err := k.Cluster.DeleteTopic(topic); err != nil {
		return nil, fmt.Errorf("delete %s: %w", topic, err)
	}
	if err := k.Cluster.CreateTopic(topic, int32(len(infos)), nil); err != nil {
		return nil, fmt.Errorf("create %s: %w", topic, err)
	}
	return k.add(in), nil
}
