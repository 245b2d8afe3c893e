package sandbox

import (
	"context"
	"net"
	"time"

	"golang.org/x/time/rate"
)

// pace bounds what the broker takes in, over all connections. A broker in memory would otherwise be done before anybody could
// be killed.
type pace struct {
	limiter *rate.Limiter
}

// chunk is how much is read at once while a limit is set.
const chunk = 16 << 10

func newPace() *pace { return &pace{limiter: rate.NewLimiter(rate.Inf, chunk)} }

// set changes the limit to bytes per second; 0 takes it away.
func (p *pace) set(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		p.limiter.SetLimit(rate.Inf)
		return
	}
	p.limiter.SetLimit(rate.Limit(bytesPerSecond))
}

// listen is net.Listen with paced connections.
func (p *pace) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &pacedListener{Listener: l, pace: p}, nil
}

type pacedListener struct {
	net.Listener
	pace *pace
}

func (l *pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: c, pace: l.pace}, nil
}

type pacedConn struct {
	net.Conn
	pace *pace
}

// Read pays for what it has read; the sender feels it as a full socket.
func (c *pacedConn) Read(b []byte) (int, error) {
	limiter := c.pace.limiter
	if limiter.Limit() == rate.Inf {
		return c.Conn.Read(b)
	}
	n, err := c.Conn.Read(b[:min(len(b), chunk)])
	if n > 0 {
		// The wait is bounded so that a change of the limit is felt soon.
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_ = limiter.WaitN(ctx, n)
		cancel()
	}
	return n, err
}
