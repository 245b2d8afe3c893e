package notify

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// A URL of a dataset comes from whoever may apply one, and the leader can reach more than they can. What the leader must never be talked
// into is asking a cloud's metadata service, which hands out credentials to whoever comes from the right machine. The check is made of the
// address that is dialled, after names are resolved, so that no name can lead around it.

// ErrGuarded says that an address is one that notices are never sent to.
var ErrGuarded = errors.New("address is not one for receivers")

// metadata are the addresses at which clouds serve credentials, besides link-local ones: AWS over IPv6, Alibaba, Oracle.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure
}

// translated is NAT64's prefix: the last four bytes are an IPv4 address.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// guard decides which addresses may be dialled.
type guard struct{ allow []netip.Prefix }

// check refuses an address that no receiver has.
func (g guard) check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, p := range g.allow {
		if p.Contains(a) {
			return nil
		}
	}
	bad := a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()
	for _, p := range metadata {
		bad = bad || p.Contains(a)
	}
	if bad {
		return fmt.Errorf("%s: %w (notify.allow of the agents' configuration names exceptions)", a, ErrGuarded)
	}
	return nil
}

// control is for net.Dialer: it sees each address that is about to be dialled.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%s: %w", host, ErrGuarded)
	}
	return g.check(a)
}
