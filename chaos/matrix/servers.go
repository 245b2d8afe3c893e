//go:build linux

package matrix

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/chaos/depot"
	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
)

// Servers does what happens in the broker and in the store. A broker that can not be reached, and answers that are lost on
// their way, are the network's.
type Servers struct{}

// words are what the depot calls the kinds.
var words = map[fault.Kind]string{
	fault.StoreSlowdown: "slowdown", fault.StoreError: "error", fault.StoreTruncated: "truncated", fault.StoreChecksum: "checksum",
	fault.StoreDenied: "denied", fault.StoreSlow: "slow", fault.StoreAmbiguous: "ambiguous",
}

// Kinds implements Injector.
func (Servers) Kinds() []fault.Kind {
	return []fault.Kind{
		fault.BrokerRestart, fault.StoreSlowdown, fault.StoreError, fault.StoreTruncated, fault.StoreChecksum, fault.StoreDenied,
		fault.StoreSlow, fault.StoreAmbiguous,
	}
}

// Missing implements Injector.
func (Servers) Missing(fault.Kind) error { return nil }

// Prepare implements Injector.
func (Servers) Prepare(*Run, string, *testbed.Seat) error { return nil }

// Inject implements Injector.
func (Servers) Inject(ctx context.Context, r *Run, f fault.Fault, _ []*testbed.Node) (Injected, error) {
	if f.Kind == fault.BrokerRestart {
		return Injected{Heal: r.Depot.StartBroker, Hits: func() int64 { return 1 }}, r.Depot.StopBroker(ctx)
	}
	word, ok := words[f.Kind]
	if !ok {
		return Injected{}, fmt.Errorf("the depot can not do %s", f.Kind)
	}
	h := depot.Hurt{What: word, Share: 1, Delay: f.Delay}
	if f.Percent > 0 {
		h.Share = f.Percent / 100
	}
	if f.Kind == fault.StoreSlow && f.Jitter > 0 {
		h.Delay += time.Duration(r.Random.Int64N(2*int64(f.Jitter)+1)) - f.Jitter
	}
	var hits atomic.Int64
	return Injected{
		Heal: func(ctx context.Context) error {
			did, err := r.Depot.HealStore(ctx)
			hits.Store(did.Already)
			return err
		},
		Hits: hits.Load,
	}, r.Depot.HurtStore(ctx, h)
}
