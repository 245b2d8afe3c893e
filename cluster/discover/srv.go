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
	"time"
)

// This file asks DNS. A record names a host, and the host is looked up here too and not by gossip, which would ask in its own way and could not tell
// this node's own address from others. One host that is not there spoils nothing: pods and machines go before their records do.

// srvTimeout bounds one lookup with all its hosts. A resolver's own attempts take up to 10 s.
const srvTimeout = 12 * time.Second

// abreast is how many hosts are looked up at a time.
const abreast = 8

type srv struct {
	name     string
	resolver Resolver
}

func (s srv) lookup(ctx context.Context) ([]netip.AddrPort, error) {
	_, records, err := s.resolver.LookupSRV(ctx, "", "", s.name)
	var dns *net.DNSError
	switch {
	case len(records) > 0: // an error beside records says that some were left out
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, hinted{fmt.Errorf("DNS has no SRV record of this name: %w", err), "dig +short SRV " + s.name + "     make one record for each node: target and gossip port (7422)"}
	case err != nil:
		return nil, hinted{fmt.Errorf("DNS does not answer: %w", err), "dig +short SRV " + s.name + "     on this machine; check /etc/resolv.conf"}
	default:
		return nil, hinted{errors.New("DNS has no SRV record of this name"), "dig +short SRV " + s.name + "     make one record for each node: target and gossip port (7422)"}
	}
	targets := s.targets(records)
	if len(targets) == 0 {
		return nil, hinted{errors.New("the SRV record says that there is no such service"), "dig +short SRV " + s.name}
	}
	addrs, err := s.resolve(ctx, targets)
	if len(addrs) == 0 {
		return nil, hinted{fmt.Errorf("none of %d hosts in SRV records has an address: %w", len(targets), err), "dig +short SRV " + s.name + "     then an A record for each host"}
	}
	return addrs, nil
}

type target struct {
	host string
	port uint16
}

// targets are those of records, in the order of their names. Weights and priorities say whom to ask first, and here everybody is.
func (s srv) targets(records []*net.SRV) []target {
	var out []target
	for _, r := range records {
		if name := strings.TrimSuffix(r.Target, "."); name != "" && r.Port != 0 {
			out = append(out, target{strings.ToLower(name), r.Port})
		}
	}
	slices.SortFunc(out, func(a, b target) int {
		if c := strings.Compare(a.host, b.host); c != 0 {
			return c
		}
		return int(a.port) - int(b.port)
	})
	out = slices.Compact(out)
	return out[:min(len(out), MaxAddrs)]
}

// resolve returns the addresses of all targets that have any, and an error for the first that has none.
func (s srv) resolve(ctx context.Context, targets []target) ([]netip.AddrPort, error) {
	found := make([][]netip.AddrPort, len(targets))
	errs := make([]error, len(targets))
	turn := make(chan struct{}, abreast)
	var asked sync.WaitGroup
	for i, t := range targets {
		asked.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			found[i], errs[i] = s.host(ctx, t)
		})
	}
	asked.Wait()
	out := slices.Concat(found...)
	if len(out) > 0 {
		return out, nil
	}
	return nil, errs[0]
}

// host prefers IPv4, as the rest of a node does: an address of the other kind is one that it may not listen on.
func (s srv) host(ctx context.Context, t target) ([]netip.AddrPort, error) {
	ips, err := s.resolver.LookupNetIP(ctx, "ip", t.host)
	if err != nil {
		return nil, err
	}
	var four, six []netip.AddrPort
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			four = append(four, netip.AddrPortFrom(ip, t.port))
		} else if ip.IsValid() {
			six = append(six, netip.AddrPortFrom(ip, t.port))
		}
	}
	if len(four) > 0 {
		return four, nil
	}
	if len(six) == 0 {
		return nil, fmt.Errorf("%s has no address", t.host)
	}
	return six, nil
}
