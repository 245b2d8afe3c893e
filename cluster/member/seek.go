package member

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstitch/cluster/discover"

	"github.com/hashicorp/memberlist"
)

// This file looks for other nodes for as long as this one is lonely. Each way of finding them has a goroutine of its own: one that hangs keeps neither
// the others nor the announcements of this node.

// seeker tries one way of finding nodes. It belongs to the goroutine of run.
type seeker struct {
	g      *Gossip
	list   *memberlist.Memberlist
	finder *discover.Finder // nil for the addresses that were written down
	found  discover.Found   // what was last logged
	said   string           // the trouble that was last logged, "" for none
}

// seekers are one for all addresses that were written down, and one for each finder.
func (g *Gossip) seekers(list *memberlist.Memberlist) []*seeker {
	var out []*seeker
	if len(g.cfg.RetryJoin) > 0 {
		out = append(out, &seeker{g: g, list: list})
	}
	for _, f := range g.cfg.Finders {
		out = append(out, &seeker{g: g, list: list, finder: f})
	}
	return out
}

func (s *seeker) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if s.g.lonely() {
			s.try(ctx)
		} else {
			s.trouble("", "") // others may have found this node
		}
		timer.Reset(s.g.cfg.Timings.Join)
	}
}

// try looks once, and meets whom it finds.
func (s *seeker) try(ctx context.Context) {
	addrs, ok := s.addresses(ctx)
	if !ok {
		return
	}
	_, err := s.g.Join(ctx, addrs)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.trouble("nobody answers", "no node of retry join answers yet; trying on", "err", err)
	default:
		s.trouble("", "")
	}
}

// addresses are those to try now. What a lookup gives is without this node's own: to meet oneself is no success.
func (s *seeker) addresses(ctx context.Context) ([]string, bool) {
	if s.finder == nil {
		return s.g.cfg.RetryJoin, true
	}
	found, err := s.finder.Find(ctx)
	if ctx.Err() != nil {
		return nil, false
	}
	if err != nil {
		var e *discover.Error
		hint := ""
		if errors.As(err, &e) {
			err, hint = e.Err, e.Hint // the entry stands beside it
		}
		s.trouble("finds nobody: "+hint, "retry join finds nobody; trying on", "entry", s.finder.String(), "code", discover.Code, "err", err, "try", hint)
		return nil, false
	}
	if !slices.Equal(found.Addrs, s.found.Addrs) || found.More != s.found.More {
		s.found = found
		s.g.cfg.Logger.Info("retry join finds addresses", "entry", s.finder.String(), "n", len(found.Addrs), "addrs", some(found.Addrs), "leftOut", found.More)
	}
	own := s.own()
	others := slices.DeleteFunc(slices.Clone(found.Addrs), func(a string) bool { return a == own })
	if len(others) == 0 {
		s.trouble("only this node", "retry join finds only this node yet; trying on", "entry", s.finder.String())
		return nil, false
	}
	return others, true
}

// own is where others reach this node, in the form of what is found.
func (s *seeker) own() string {
	n := s.list.LocalNode()
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// trouble logs what keeps this way from finding anybody, once for as long as it is the same, and notes it for Trouble. "" is none.
func (s *seeker) trouble(what, message string, attrs ...any) {
	if what != s.said && what != "" {
		level := s.g.cfg.Logger.Info
		if strings.HasPrefix(what, "finds nobody") {
			level = s.g.cfg.Logger.Warn
		}
		level(message, attrs...)
	}
	s.said = what
	if s.finder == nil {
		return
	}
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	delete(s.g.troubles, s.finder.String())
	if what != "" {
		short, _, _ := strings.Cut(what, ":")
		s.g.troubles[s.finder.String()] = short
	}
}

// some is the beginning of a list, for a line of the log.
func some(addrs []string) string {
	const most = 10
	if len(addrs) <= most {
		return strings.Join(addrs, " ")
	}
	return strings.Join(addrs[:most], " ") + " ..."
}

// lonely says whether this node knows nobody alive. As long as it belongs to no cluster it is lonely among others that belong to none, too: they may
// have found each other by lookups that gave only some of all nodes, and whoever stopped looking then would wait for the rest for ever.
func (g *Gossip) lonely() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.peers {
		if p.Alive && (g.meta.Cluster != "" || p.Cluster != "") {
			return false
		}
	}
	return true
}

// Trouble says which entries of retry join give nobody to meet now, and why in few words; "" when none is at fault. The log has the whole of it.
func (g *Gossip) Trouble() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for entry, what := range g.troubles {
		out = append(out, entry+": "+what)
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
