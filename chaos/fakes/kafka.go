package fakes

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaConfig says what broker to start. Its zero value is one broker in memory without topics.
type KafkaConfig struct {
	Seed     uint64
	Brokers  int              // 0 is 1
	Topics   map[string]int32 // name to number of partitions
	Loopback bool             // listen on loopback ports instead of in memory. Not for bubbles
	Address  string           // be found there, as host:port, with one broker; "" chooses. For processes that have to find it
	Behind   string           // listen there when somebody else does at Address, and passes on what comes; "" is Address
	Kafka    []kfake.Opt      // further options
}

// Kafka is a broker, or several, that can be told to fail. It is safe for concurrent use.
type Kafka struct {
	// Cluster is what is behind. Its own controls and faults are free for use.
	Cluster *kfake.Cluster

	ledger
	cfg    KafkaConfig
	chance *chance
	mem    *network // nil on loopback
	addrs  []string

	mu      sync.Mutex
	rules   []*wireRule
	taps    map[*tap]struct{}
	cuts    map[string]*Injected
	changed chan struct{}          // closed and replaced when a cut heals
	refused map[*Injected]struct{} // for as long as there is one, the broker is down
}

// wireRule is a rule that acts on connections.
type wireRule struct {
	Rule
	*meter
	in *Injected
}

// NewKafka starts it. Close ends it; a bubble ends only then.
func NewKafka(cfg KafkaConfig) (*Kafka, error) {
	cfg.Brokers = max(1, cfg.Brokers)
	k := &Kafka{
		cfg: cfg, chance: newChance(cfg.Seed), taps: map[*tap]struct{}{}, cuts: map[string]*Injected{},
		changed: make(chan struct{}), refused: map[*Injected]struct{}{},
	}
	listen := net.Listen
	switch {
	case cfg.Address != "" && cfg.Brokers > 1:
		return nil, fmt.Errorf("%d brokers at one address: %w", cfg.Brokers, ErrCannot)
	case cfg.Address != "":
		listen = cfg.listen
	case !cfg.Loopback:
		k.mem = newNetwork()
		listen = k.mem.listen
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(cfg.Brokers), kfake.ClusterID("kfake"),
		kfake.ListenFn(func(network, at string) (net.Listener, error) {
			l, err := listen(network, at)
			if err != nil {
				return nil, err
			}
			return &tapped{l, k}, nil
		}),
	}
	for name, partitions := range cfg.Topics {
		opts = append(opts, kfake.SeedTopics(partitions, name))
	}
	c, err := kfake.NewCluster(append(opts, cfg.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("start a fake broker: %w", err)
	}
	k.Cluster, k.addrs = c, c.ListenAddrs()
	return k, nil
}

// listen makes the listener of a broker that is found at Address.
func (c KafkaConfig) listen(network, _ string) (net.Listener, error) {
	known, err := net.ResolveTCPAddr(network, c.Address)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen(network, cmp.Or(c.Behind, c.Address))
	if err != nil {
		return nil, err
	}
	return foundAt{l, known}, nil
}

// foundAt is a listener that is known by another address than the one on which it listens: brokers tell their clients where they are.
type foundAt struct {
	net.Listener
	at net.Addr
}

func (k foundAt) Addr() net.Addr { return k.at }

// Close ends the broker and all its connections.
func (k *Kafka) Close() {
	for _, i := range k.Injections() {
		i.Stop()
	}
	k.Cluster.Close()
	k.reset(func(*tap) bool { return true })
}

// Addrs are the brokers' addresses, host:port. Those in memory are reached only through Opts.
func (k *Kafka) Addrs() []string { return slices.Clone(k.addrs) }

// Opts are the options of a client on a node. The name is what Cut and Rule.From go by; on loopback the broker can not tell
// nodes from each other.
func (k *Kafka) Opts(node string) []kgo.Opt {
	// kfake asks for metrics of every client, which brokers do only when somebody subscribes. They are no part of any story.
	opts := []kgo.Opt{kgo.SeedBrokers(k.addrs...), kgo.DisableClientMetrics()}
	if k.mem != nil {
		opts = append(opts, kgo.Dialer(func(ctx context.Context, _, to string) (net.Conn, error) { return k.dial(ctx, node, to) }))
	}
	return opts
}

// dialTimeout is that of the product. The client bounds only dials of its own.
const dialTimeout = 5 * time.Second

// dial waits while the node is cut off, as a connect whose packets are dropped does.
func (k *Kafka) dial(ctx context.Context, node, to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if k.passCut(node, ctx.Done()) != nil {
		return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
	}
	if k.isDown() {
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
	return k.mem.dial(ctx, node, to)
}

// Inject puts a rule to work until it has hit Count requests or is stopped.
func (k *Kafka) Inject(r Rule) (*Injected, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	if r.From != "" && k.mem == nil {
		return nil, fmt.Errorf("one node on loopback: %w", ErrCannot)
	}
	if len(r.Keys) == 0 {
		r.Keys = Sent
	}
	in := &Injected{what: r.String()}
	m := newMeter(r.Skip, r.Count, r.Percent, k.chance)
	if r.Err != nil {
		k.injectError(r.Keys, r.Err, m, in)
		return k.add(in), nil
	}
	w := &wireRule{Rule: r, meter: m, in: in}
	in.stop = func() {
		m.end()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.rules = slices.DeleteFunc(k.rules, func(x *wireRule) bool { return x == w })
	}
	k.mu.Lock()
	k.rules = append(k.rules, w)
	k.mu.Unlock()
	return k.add(in), nil
}

// injectError lets kfake answer with err, which knows where in each answer an error belongs.
func (k *Kafka) injectError(keys []kmsg.Key, err *kerr.Error, m *meter, in *Injected) {
	// kfake asks once for each partition of a request, all of them in a row on its one goroutine.
	var last kmsg.Request
	var hit bool
	handle := k.Cluster.Fault(kfake.Fault{Keys: keys, Err: err, Count: -1, When: func(r kmsg.Request) bool {
		if r != last {
			last, hit = r, m.next()
		}
		return hit
	}})
	in.more = func() int64 { return int64(handle.Hits()) }
	in.stop = func() {
		m.end()
		handle.Remove()
	}
}

// Sent are the kinds of request that the product's clients and those of the checkers send, but for ApiVersions.
var Sent = []kmsg.Key{
	kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.InitProducerID,
	kmsg.OffsetForLeaderEpoch, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.DescribeConfigs,
	kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.DescribeCluster, kmsg.DescribeTransactions, kmsg.DescribeProducers,
}

// String says what the rule does.
func (r Rule) String() string {
	what := ""
	switch {
	case r.Err != nil:
		what = "answer " + r.Err.Message
	case r.Before:
		what = "break the connection before"
	case r.After:
		what = "break the connection after"
	case r.Delay > 0:
		what = fmt.Sprintf("delay by %s±%s", r.Delay, r.Jitter)
	case r.Throttle > 0:
		what = fmt.Sprintf("throttle for %s", r.Throttle)
	}
	if len(r.Keys) > 0 && len(r.Keys) < len(Sent) {
		for _, key := range r.Keys {
			what += " " + key.Name()
		}
	}
	if r.From != "" {
		what += " from " + r.From
	}
	return what
}
