//go:build linux

package matrix

import (
	"context"
	"sync/atomic"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
)

// Servers does what happens in the broker and in the store. A broker that nobody can reach is the network's.
type Servers struct{}

// Kinds implements Injector.
func (Servers) Kinds() []fault.Kind {
	return []fault.Kind{
		fault.BrokerRestart, fault.BrokerError, fault.BrokerThrottle, fault.BrokerSlow, fault.BrokerCut, fault.BrokerAmbiguous,
		fault.StoreSlowdown, fault.StoreError, fault.StoreTruncated, fault.StoreChecksum, fault.StoreStale, fault.StoreDenied,
		fault.StoreSlow, fault.StoreAmbiguous,
	}
}

// Missing implements Injector.
func (Servers) Missing(fault.Kind) error { return nil }

// Prepare implements Injector.
func (Servers) Prepare(*Run, string, *testbed.Seat) error { return nil }

// Inject implements Injector. Hits are requests, or the one broker that went away.
func (Servers) Inject(ctx context.Context, r *Run, f fault.Fault, _ []*testbed.Node) (Injected, error) {
	if f.Kind == fault.BrokerRestart {
		return Injected{Heal: r.broker.StartBroker, Hits: func() int64 { return 1 }}, r.broker.StopBroker(ctx)
	}
	heal, err := r.Depot.Hurt(ctx, f, topicName)
	if err != nil {
		return Injected{}, err
	}
	var hits atomic.Int64
	return Injected{
		Heal: func(ctx context.Context) error {
			n, err := heal(ctx)
			hits.Store(n)
			return err
		},
		Hits: hits.Load,
	}, nil
}
