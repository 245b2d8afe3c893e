package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"backstitch/chaos/door"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"
)

// Config says where to listen. Ports are on loopback and must be given: other processes are told them beforehand.
type Config struct {
	Dir         string // where the broker keeps its log
	KafkaPort   int
	S3Port      int
	ControlPort int
	Buckets     []string // made at start
	// Schema registries, below the path of their names on one port; that is 0 where there are none.
	Registries   Registries
	RegistryPort int
}

// Validate refuses a configuration that can not work.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("no directory for the broker's log")
	}
	ports := map[string]int{"kafka": c.KafkaPort, "s3": c.S3Port, "control": c.ControlPort}
	if c.Registries != nil || c.RegistryPort != 0 {
		ports["registry"] = c.RegistryPort
	}
	for name, port := range ports {
		if port < 1 || port > 65535 {
			return fmt.Errorf("%s port %d: want 1 to 65535", name, port)
		}
	}
	return nil
}

// Sandbox is a broker, an object store and schema registries in this process.
type Sandbox struct {
	cfg Config
	log *slog.Logger
	in  *pace
	s3  counter

	mu     sync.Mutex
	broker *kfake.Cluster // nil while it is stopped
}

// New makes a sandbox. Nothing runs before Run.
func New(cfg Config, log *slog.Logger) (*Sandbox, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sandbox{cfg: cfg, log: log, in: newPace()}, nil
}

// Run serves until ctx ends.
func (s *Sandbox) Run(ctx context.Context) error {
	if err := s.start(); err != nil {
		return err
	}
	defer s.stop()
	backend := s3mem.New()
	for _, b := range s.cfg.Buckets {
		if err := backend.CreateBucket(b); err != nil {
			return fmt.Errorf("make bucket %s: %w", b, err)
		}
	}
	store := gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return door.Serve(ctx, loopback(s.cfg.S3Port), s.s3.over(store.Server())) })
	group.Go(func() error { return door.Serve(ctx, loopback(s.cfg.ControlPort), s.control()) })
	if s.cfg.RegistryPort != 0 {
		group.Go(func() error { return door.Serve(ctx, loopback(s.cfg.RegistryPort), s.cfg.Registries.Handler()) })
	}
	s.log.Info("sandbox is up", "kafka", s.cfg.KafkaPort, "s3", s.cfg.S3Port, "control", s.cfg.ControlPort)
	return group.Wait()
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// start opens the broker on its log.
func (s *Sandbox) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.startLocked()
}

func (s *Sandbox) startLocked() error {
	broker, err := kfake.NewCluster(
		kfake.Ports(s.cfg.KafkaPort),
		kfake.ClusterID("sandbox"),
		kfake.ListenFn(s.in.listen),
		kfake.DataDir(filepath.Join(s.cfg.Dir, "kafka")),
		kfake.BrokerConfigs(map[string]string{"auto.create.topics.enable": "false"}),
	)
	if err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	wholeFetches(broker)
	s.broker = broker
	return nil
}

func (s *Sandbox) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker != nil {
		s.broker.Close()
		s.broker = nil
	}
}
