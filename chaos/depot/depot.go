// Package depot is a Kafka and an object store in a process of their own that can be hurt on request, by the text of a fault. The
// broker can also go away and come back with all that it had.
//
// It is chaos/fakes, the broker with its log on disk, in the test's own program: Child is called first by TestMain and never
// returns in a process that was started with Environment. So no build of the program under test has any of it.
//
// Invariants:
//   - The broker and the store have an address each, so that a network can cut off one of them.
//   - A fault counts what it hit, and the count outlives it, and the broker.
//   - What the fakes can not do is refused, never taken and ignored.
//
// Not here: when it is hurt (chaos/matrix), what a fault does (chaos/fakes), and the network between (chaos/netns).
//
// Reading order: depot.go, control.go.
package depot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"backstitch/chaos/door"
	"backstitch/chaos/fakes"
	"backstitch/chaos/fault"

	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"
)

// Bucket is there from the start.
const Bucket = "archive"

// Config says where to listen, as host:port.
type Config struct {
	Dir     string // of the broker's log
	Broker  string // "" for none: a real one runs somewhere else
	Store   string
	Control string
	Seed    uint64 // of what faults leave to chance

	// Behind is the IP on which broker and store listen when relays do where they are known; "" when nothing is between.
	Behind string
}

// behind is where the server that is known at an address listens.
func (c Config) behind(address string) string {
	if c.Behind == "" {
		return address
	}
	_, port, _ := net.SplitHostPort(address) // one that has none fails at the listen
	return net.JoinHostPort(c.Behind, port)
}

// asChild carries a Config to the child.
const asChild = "BACKSTITCH_DEPOT"

// Child makes this process a depot when it was started as one, and returns otherwise.
func Child() {
	text := os.Getenv(asChild)
	if text == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cfg Config
	err := json.Unmarshal([]byte(text), &cfg)
	if err == nil {
		err = run(ctx, cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "depot:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Environment is what the test's own program needs to become a depot.
func Environment(cfg Config) ([]string, error) {
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	return []string{asChild + "=" + string(text)}, nil
}

// depot is the child.
type depot struct {
	cfg   Config
	store *fakes.Store

	mu     sync.Mutex
	broker *fakes.Kafka // nil while it is away
	starts uint64
	hurts  []*fakes.Injected
}

func run(ctx context.Context, cfg Config) error {
	store, err := fakes.NewStore(fakes.StoreConfig{Seed: cfg.Seed, Buckets: []string{Bucket}})
	if err != nil {
		return err
	}
	d := &depot{cfg: cfg, store: store}
	if cfg.Broker != "" {
		if err := d.open(); err != nil {
			return err
		}
		defer d.close()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return door.Serve(ctx, cfg.behind(cfg.Store), store.Handler()) })
	group.Go(func() error { return door.Serve(ctx, cfg.Control, d.control()) })
	return group.Wait()
}

// open starts the broker on its log.
func (d *depot) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broker != nil {
		return errors.New("the broker is there already")
	}
	broker, err := fakes.NewKafka(fakes.KafkaConfig{
		Seed: d.cfg.Seed + d.starts, Address: d.cfg.Broker, Behind: d.cfg.behind(d.cfg.Broker),
		Kafka: []kfake.Opt{
			kfake.DataDir(filepath.Join(d.cfg.Dir, "kafka")),
			kfake.BrokerConfigs(map[string]string{"auto.create.topics.enable": "false"}),
		},
	})
	if err != nil {
		return fmt.Errorf("broker at %s: %w", d.cfg.Broker, err)
	}
	d.broker = broker
	d.starts++
	return nil
}

// close ends the broker, its connections and what is done to it.
func (d *depot) close() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broker == nil {
		return false
	}
	d.broker.Close()
	d.broker = nil
	return true
}

// hurt begins a fault and returns its number.
func (d *depot) hurt(f fault.Fault, topic string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var in *fakes.Injected
	var err error
	switch {
	case f.Kind == fault.BrokerRestart:
		err = errors.New("the broker is stopped and started by its own door")
	case f.Kind.Spec().Family == fault.Store:
		in, err = d.store.Apply(f, Bucket)
	case d.broker == nil:
		err = errors.New("the broker is away")
	default:
		in, err = d.broker.Apply(f, topic)
	}
	if err != nil {
		return 0, err
	}
	d.hurts = append(d.hurts, in)
	return len(d.hurts) - 1, nil
}

// heal ends a fault, which may have ended already, and returns what it has hit.
func (d *depot) heal(n int) (hits int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < 0 || n >= len(d.hurts) {
		return 0, fmt.Errorf("there is no fault %d", n)
	}
	d.hurts[n].Stop()
	return d.hurts[n].Hits(), nil
}
