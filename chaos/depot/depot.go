// Package depot is a Kafka and an object store in a process of their own that can be hurt on request: the broker goes away and
// comes back with all that it had, and the store refuses, cuts off, changes, delays or loses its answers.
//
// It is franz-go's kfake with its log on disk, and gofakes3 in memory, in the test's own program: Child is called first by
// TestMain and never returns in the process that Start has started. So no build of the program under test has any of it.
//
// Invariants:
//   - The broker and the store have an address each, so that a network can cut off one of them.
//   - A fault counts what it hit, and the count outlives it.
//
// Not here: when it is hurt (chaos/matrix), and the network between (chaos/netns).
//
// Reading order: depot.go, store.go, control.go.
package depot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"
)

// Bucket is there from the start.
const Bucket = "archive"

// Config says where to listen, as host:port.
type Config struct {
	Dir     string // of the broker's log
	Broker  string
	Store   string
	Control string
	Seed    uint64 // of what faults leave to chance
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
	store *store

	mu     sync.Mutex
	broker *kfake.Cluster // nil while it is away
}

func run(ctx context.Context, cfg Config) error {
	backend := s3mem.New()
	if err := backend.CreateBucket(Bucket); err != nil {
		return fmt.Errorf("make bucket: %w", err)
	}
	d := &depot{cfg: cfg, store: newStore(gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server(), cfg.Seed)}
	if err := d.open(); err != nil {
		return err
	}
	defer d.close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, cfg.Store, d.store) })
	group.Go(func() error { return serve(ctx, cfg.Control, d.control()) })
	return group.Wait()
}

// serve runs one HTTP server until ctx ends.
func serve(ctx context.Context, address string, h http.Handler) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// open starts the broker on its log.
func (d *depot) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broker != nil {
		return errors.New("the broker is there already")
	}
	_, port, err := net.SplitHostPort(d.cfg.Broker)
	if err != nil {
		return err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return err
	}
	d.broker, err = kfake.NewCluster(
		kfake.Ports(number),
		kfake.ClusterID("depot"),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, d.cfg.Broker) }),
		kfake.DataDir(filepath.Join(d.cfg.Dir, "kafka")),
		kfake.BrokerConfigs(map[string]string{"auto.create.topics.enable": "false"}),
	)
	if err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	return nil
}

// close ends the broker and its connections.
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
