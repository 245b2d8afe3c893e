package throttle

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a target says of how it is in the answers that it gives anyway. It costs nothing to listen.

// senses are those of one job on this node, since they were asked last.
type senses struct {
	mu        sync.Mutex
	took      []time.Duration // of produce requests, a ring
	next      int             // in took, once it is full
	throttled time.Duration
	refused   int
}

// maxTook bounds what is remembered of latencies.
const maxTook = 512

// Sensed is what a target has said.
type Sensed struct {
	// Slow is what nine of ten produce requests did not exceed, and Produced how many there were.
	Slow     time.Duration
	Produced int
	// Throttled is by how much brokers say that they have delayed produce requests, all of them together.
	Throttled time.Duration
	// Refused is how often an object store answered that it is asked for too much, those included that the client then tried again.
	Refused int
}

// Sensed is what the target has said since it was asked last. Latencies are kept until there are least of them: of one request nobody knows
// whether it is like the others.
func (m *Meter) Sensed(least int) Sensed {
	if m == nil {
		return Sensed{}
	}
	s := &m.senses
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Sensed{Throttled: s.throttled, Refused: s.refused}
	s.throttled, s.refused = 0, 0
	if n := len(s.took); n > 0 && n >= least {
		slices.Sort(s.took)
		out.Slow, out.Produced = s.took[(n*9+9)/10-1], n
		s.took, s.next = s.took[:0], 0
	}
	return out
}

// Answered takes the status of one answer of an object store.
func (m *Meter) Answered(status int) {
	if m == nil || status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
		return
	}
	m.senses.mu.Lock()
	defer m.senses.mu.Unlock()
	m.senses.refused++
}

// OnBrokerE2E is called when a request was answered.
func (h callsHook) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if key != keyProduce || e.Err() != nil {
		return
	}
	s := &h.m.senses
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) < maxTook {
		s.took = append(s.took, e.DurationE2E())
		return
	}
	s.took[s.next] = e.DurationE2E()
	s.next = (s.next + 1) % maxTook
}

// OnBrokerThrottle is called for each answer by which a broker says that it has delayed a request. It does not say of which kind: this
// client produces, and asks for little else.
func (h callsHook) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	h.m.senses.mu.Lock()
	defer h.m.senses.mu.Unlock()
	h.m.senses.throttled += d
}

var (
	_ kgo.HookBrokerE2E      = callsHook{}
	_ kgo.HookBrokerThrottle = callsHook{}
)
