package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// zone is DNS.
type zone struct {
	mu      sync.Mutex
	srv     map[string][]*net.SRV
	hosts   map[string][]netip.Addr
	err     error // of every question
	srvErr  error // beside the records
	hangs   bool
	lookups atomic.Int32
}

func (z *zone) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.lookups.Add(1)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.hangs {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	if service != "" || proto != "" {
		return "", nil, fmt.Errorf("asked for service %q of %q: the name is to be asked as it stands", service, proto)
	}
	if z.err != nil {
		return "", nil, z.err
	}
	if len(z.srv[name]) == 0 {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, z.srv[name], z.srvErr
}

func (z *zone) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if network != "ip" || len(z.hosts[host]) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return z.hosts[host], nil
}

func ips(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

const name = "_gossip._tcp.backstitch.internal"

func finder(t *testing.T, text string, deps Deps) *Finder {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if deps.Clock == nil {
		deps.Clock = time.Now
	}
	return New(e, deps)
}

func TestSRVRecordsAreAddresses(t *testing.T) {
	z := &zone{
		srv: map[string][]*net.SRV{name: {
			{Target: "node-b.internal.", Port: 7422}, {Target: "node-a.internal.", Port: 7422}, {Target: "NODE-A.internal.", Port: 7422},
			{Target: "node-a.internal.", Port: 17422}, {Target: "gone.internal.", Port: 7422}, {Target: "six.internal.", Port: 7422}, {Target: "no-port.internal.", Port: 0},
		}},
		hosts: map[string][]netip.Addr{
			"node-a.internal": ips("10.0.0.1", "fd00::1"), "node-b.internal": ips("::ffff:10.0.0.2"), "six.internal": ips("fd00::6"), "no-port.internal": ips("10.0.0.9"),
		},
	}
	f := finder(t, "dns+srv://"+name, Deps{Resolver: z})
	want := []string{"10.0.0.1:7422", "10.0.0.1:17422", "10.0.0.2:7422", "[fd00::6]:7422"}
	got, err := f.Find(t.Context())
	if err != nil || !slices.Equal(got.Addrs, want) || got.More != 0 {
		t.Errorf("got %+v, %v, want %v", got, err, want)
	}
	// The next question gets the next answer.
	z.srv[name], z.srvErr = []*net.SRV{{Target: "node-b.internal.", Port: 7422}}, errors.New("DNS response contained records which contain invalid names")
	if got, err := f.Find(t.Context()); err != nil || !slices.Equal(got.Addrs, []string{"10.0.0.2:7422"}) {
		t.Errorf("records changed: got %+v, %v", got, err)
	}
	if n := z.lookups.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

func TestAFailedSRVLookupSaysWhyAndWhatToDo(t *testing.T) {
	down := &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	rows := map[string]struct {
		zone      *zone
		why, hint string
	}{
		"no name":      {&zone{}, "has no SRV record", "make one record for each node"},
		"no answer":    {&zone{err: down}, "server misbehaving", "/etc/resolv.conf"},
		"no service":   {&zone{srv: map[string][]*net.SRV{name: {{Target: ".", Port: 0}}}}, "no such service", "dig"},
		"no addresses": {&zone{srv: map[string][]*net.SRV{name: {{Target: "a.", Port: 1}, {Target: "b.", Port: 1}}}}, "none of 2 hosts", "A record"},
	}
	for what, row := range rows {
		_, err := finder(t, "dns+srv://"+name, Deps{Resolver: row.zone}).Find(t.Context())
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), row.why) || !strings.Contains(e.Hint, row.hint) || e.Entry != "dns+srv://"+name || !strings.HasPrefix(e.Error(), Code) {
			t.Errorf("%s: got %v (%+v), want %q and %q", what, err, e, row.why, row.hint)
		}
	}
}

func TestALookupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := finder(t, "dns+srv://"+name, Deps{Resolver: &zone{hangs: true}}).Find(t.Context())
		if took := time.Since(began); err == nil || took != srvTimeout || !strings.Contains(err.Error(), "DNS does not answer: context deadline exceeded") {
			t.Errorf("a resolver that hangs: %v after %s", err, took)
		}
	})
	// The end of the caller is not an error of the entry.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *Error
	if _, err := finder(t, "dns+srv://"+name, Deps{Resolver: &zone{hangs: true}}).Find(ctx); !errors.Is(err, context.Canceled) || errors.As(err, &e) {
		t.Errorf("at the end: got %v", err)
	}
}

// Every node keeps the same of too many addresses, in whatever order they come: otherwise two halves could each know only itself.
func TestAddressesAreBoundedAndTheSameForAll(t *testing.T) {
	z := &zone{srv: map[string][]*net.SRV{}, hosts: map[string][]netip.Addr{}}
	for i := range 300 {
		host := fmt.Sprintf("node-%03d", i)
		z.srv[name] = append(z.srv[name], &net.SRV{Target: host + ".", Port: 7422})
		z.hosts[host] = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}), netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(i % 250)})}
	}
	a, err := finder(t, "dns+srv://"+name, Deps{Resolver: z}).Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(z.srv[name])
	b, err := finder(t, "dns+srv://"+name, Deps{Resolver: z}).Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Addrs) != MaxAddrs || !slices.Equal(a.Addrs, b.Addrs) || a.More == 0 {
		t.Errorf("got %d addresses, %d left out, and the same in another order: %t", len(a.Addrs), a.More, slices.Equal(a.Addrs, b.Addrs))
	}
}
