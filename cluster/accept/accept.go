// Package accept takes connections: it waits where the process may open no more files instead of asking the kernel without a pause, and bounds how many
// may be open. Whoever connects while it waits does so in the kernel's queue.
//
// Not here: who belongs here (cluster/access: certificates; cluster/member/transport: gossip keys).
//
// Reading order: accept.go, crowd.go, guard.go.
package accept

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Between two tries of a listener that can not take a connection.
const (
	firstRest = 5 * time.Millisecond
	lastRest  = time.Second
)

// Listener makes Accept try again after an error that says of itself that it may pass, such as EMFILE, and say so once each time that it
// begins. Every other error is returned as it is. Close ends a wait.
func Listener(l net.Listener, log *slog.Logger) net.Listener {
	return &listener{Listener: l, log: log, closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	log    *slog.Logger
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	for rest := firstRest; ; rest = min(2*rest, lastRest) {
		conn, err := l.Listener.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || errors.Is(err, net.ErrClosed) || !errors.As(err, &passing) || !passing.Temporary() {
			return conn, err
		}
		if rest == firstRest {
			l.log.Warn("connections are not taken; trying again", "address", l.Addr().String(), "err", err)
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-l.closed:
			timer.Stop()
			return nil, net.ErrClosed
		}
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
