package discover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// MaxAddrs is how many addresses one entry gives at most.
const MaxAddrs = 256

// Resolver asks DNS. *net.Resolver is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Deps are what lookups reach the world by. The zero value is the world, but for Clock.
type Deps struct {
	Resolver Resolver         // nil is the machine's
	HTTP     aws.HTTPClient   // carries questions to a cloud, but not those for credentials; nil is its library's own
	Clock    func() time.Time // required for clouds: requests are signed with the time
	Rand     func() float64   // of [0, 1), spreads tries; nil draws
}

// Found is what one lookup gave.
type Found struct {
	Addrs []string // IP:port each, in order, each once; at most MaxAddrs
	More  int      // how many were left out
}

// Finder looks up one entry. Use it from one goroutine.
type Finder struct {
	entry  Entry
	within time.Duration // bounds one lookup
	lookup func(ctx context.Context) ([]netip.AddrPort, error)

	// A cloud is asked less often than others ask us. Zero asks every time.
	every  time.Duration
	clock  func() time.Time
	random func() float64
	due    time.Time // when it is asked again
	failed int       // how many times in a row
	last   Found
	err    error
}

// How often a cloud is asked, give or take a fifth: at most every 15 s; after failures twice that, and so on up to 2 min.
const (
	cloudEvery = 15 * time.Second
	cloudMost  = 2 * time.Minute
)

// New makes a finder of an entry that is not an Address. It asks nobody yet.
func New(e Entry, deps Deps) *Finder {
	f := &Finder{entry: e, clock: deps.Clock, random: deps.Rand}
	if f.random == nil {
		f.random = rand.Float64
	}
	switch e.Kind {
	case SRV:
		s := srv{name: e.Name, resolver: deps.Resolver}
		if s.resolver == nil {
			s.resolver = net.DefaultResolver
		}
		f.within, f.lookup = srvTimeout, s.lookup
	case AWS:
		c := &ec2{tag: e.Tag, http: deps.HTTP, clock: f.clock, random: f.random}
		f.within, f.lookup, f.every = awsTimeout, c.lookup, cloudEvery
	default:
		panic(fmt.Sprintf("discover: an entry of kind %d needs no finder", e.Kind))
	}
	return f
}

func (f *Finder) String() string { return f.entry.Text }

// Find asks, unless what was asked last still stands. Its errors are *Error, or the end of ctx.
func (f *Finder) Find(ctx context.Context) (Found, error) {
	if f.every > 0 && f.clock().Before(f.due) {
		return f.last, f.err
	}
	within, cancel := context.WithTimeout(ctx, f.within)
	defer cancel()
	addrs, err := f.lookup(within)
	if ctx.Err() != nil {
		return Found{}, ctx.Err()
	}
	if err != nil {
		f.failed++
		f.last, f.err = Found{}, f.explain(err)
	} else {
		f.failed = 0
		f.last, f.err = pick(addrs), nil
	}
	if f.every > 0 {
		pause := min(f.every<<min(f.failed, 4), cloudMost)
		f.due = f.clock().Add(time.Duration(float64(pause) * (0.8 + 0.4*f.random())))
	}
	return f.last, f.err
}

// pick puts addresses in order, takes each once, and no more than MaxAddrs.
func pick(addrs []netip.AddrPort) Found {
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	addrs = slices.Compact(addrs)
	var out Found
	if len(addrs) > MaxAddrs {
		out.More = len(addrs) - MaxAddrs
		addrs = addrs[:MaxAddrs]
	}
	for _, a := range addrs {
		out.Addrs = append(out.Addrs, net.JoinHostPort(a.Addr().String(), strconv.Itoa(int(a.Port()))))
	}
	return out
}

// Code is that of a lookup that found nobody.
const Code = "BST-E0422"

// Error says why an entry gives no address now, and what to do about it. The next try may succeed.
type Error struct {
	Entry string
	Err   error
	Hint  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: retry join %q finds nobody: %v", Code, e.Entry, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// hinted is an error with what to do about it. It becomes an *Error once the entry is known.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func (f *Finder) explain(err error) error {
	e := &Error{Entry: f.entry.Text, Err: err, Hint: "it is tried again by itself"}
	var h hinted
	if errors.As(err, &h) {
		e.Hint = h.hint
	}
	return e
}
