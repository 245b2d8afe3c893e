//go:build linux

package matrix

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"backstitch/chaos/depot"
	"backstitch/chaos/process"
	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Brokers that a run may have.
const (
	FakeBroker = "fake" // the depot's, franz-go's kfake
	RealBroker = "real" // Apache Kafka, from the jars that deploy/testbed/kafka.sh has fetched
)

// broker is the Kafka of a run. It goes away without warning and comes back with all that it had.
type broker interface {
	StopBroker(ctx context.Context) error
	StartBroker(ctx context.Context) error
}

var (
	_ broker = depot.Control{}
	_ broker = (*kafka)(nil)
)

// kafka is a real broker in a host of the run's network.
type kafka struct {
	r    *Run
	host Host
	spec process.Spec
	proc *process.Process
}

// realBroker formats one and starts it.
func realBroker(r *Run, host Host) *kafka {
	dir := filepath.Join(r.Dir, "data", "kafka")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.T.Fatal(err)
	}
	k := &kafka{r: r, host: host, spec: testbed.FormatKafka(r.T, dir, host.Addr().String(), brokerPort)}
	k.spec.Log = filepath.Join(r.Dir, "kafka.log")
	if err := k.StartBroker(r.T.Context()); err != nil {
		r.T.Fatal(err)
	}
	return k
}

// StopBroker kills it: what it has acknowledged is in its log.
func (k *kafka) StopBroker(context.Context) error {
	if !k.proc.Running() {
		return fmt.Errorf("the broker has ended by itself")
	}
	k.proc.Kill()
	return nil
}

// limitOfKafka is how long a broker may take to start on a busy machine.
const limitOfKafka = 90 * time.Second

// StartBroker starts it and waits until it answers.
func (k *kafka) StartBroker(ctx context.Context) error {
	k.proc = testbed.StartIn(k.r.T, k.host.Start, k.spec)
	client, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("%s:%d", k.host.Addr(), brokerPort)))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, limitOfKafka)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := kadm.NewClient(client).BrokerMetadata(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the broker does not answer after %s: %w", limitOfKafka, err)
		}
	}
}
