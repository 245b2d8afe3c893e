package accept

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Crowd counts the connections that are open, in all and of each host, so that strangers can take neither a port nor the memory behind it. It is safe for
// concurrent use.
type Crowd struct {
	most, perHost int // immutable

	mu    sync.Mutex
	open  map[*Conn]struct{}
	hosts map[string]int
}

// Conn is one connection of a crowd, until it is closed.
type Conn struct {
	net.Conn
	crowd *Crowd
	host  string // of the other end
	once  sync.Once
}

// NewCrowd lets most connections be open, and perHost of one host.
func NewCrowd(most, perHost int) *Crowd {
	return &Crowd{most: most, perHost: perHost, open: map[*Conn]struct{}{}, hosts: map[string]int{}}
}

// Admit counts a connection in, and reports whether there was room for it. It closes nothing.
func (c *Crowd) Admit(conn net.Conn) (*Conn, bool) {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most || c.hosts[host] >= c.perHost {
		return nil, false
	}
	in := &Conn{Conn: conn, crowd: c, host: host}
	c.open[in] = struct{}{}
	c.hosts[host]++
	return in, true
}

// Close counts the connection out. It may be called again, and by another goroutine than the one that uses the connection.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.crowd.mu.Lock()
		defer c.crowd.mu.Unlock()
		delete(c.crowd.open, c)
		if c.crowd.hosts[c.host]--; c.crowd.hosts[c.host] <= 0 {
			delete(c.crowd.hosts, c.host)
		}
	})
	return c.Conn.Close()
}

// CloseWrite says that no more will be written, as net/http does before it closes a connection of which it has not read all: otherwise its last answer may
// be lost.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Open is how many are.
func (c *Crowd) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// Hold keeps a connection that was refused for a while, and reads nothing more of it: who does not care would come again at once, and to take, read and
// close a connection takes some seventy microseconds of a processor. While more than half of what may be open is, none is held: those who belong here may
// come from where strangers come from.
func (c *Crowd) Hold(ctx context.Context, conn *Conn, d time.Duration) {
	c.mu.Lock()
	many := len(c.open) > c.most/2 || c.hosts[conn.host] > c.perHost/2
	c.mu.Unlock()
	if many {
		return
	}
	held := time.NewTimer(d)
	defer held.Stop()
	select {
	case <-held.C:
	case <-ctx.Done():
	}
}

// CloseAll closes those that are open.
func (c *Crowd) CloseAll() {
	c.mu.Lock()
	all := make([]*Conn, 0, len(c.open))
	for conn := range c.open {
		all = append(all, conn)
	}
	c.mu.Unlock()
	for _, conn := range all {
		conn.Close()
	}
}
