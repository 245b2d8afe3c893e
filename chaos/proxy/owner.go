//go:build linux

package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
)

// dialer is the name of the host whose process has made a connection: the holder of the socket at its other end. A connection
// whose maker is gone already is the operator's; nothing of it matters any more.
func (l *Lab) dialer(c *net.TCPConn) string {
	socket, err := netlink.SocketGet(c.RemoteAddr(), c.LocalAddr())
	if err != nil {
		return Operator
	}
	link := fmt.Sprintf("socket:[%d]", socket.INode)
	l.mu.Lock()
	hosts := slices.Clone(l.hosts)
	l.mu.Unlock()
	for _, h := range hosts {
		h.mu.Lock()
		pids := slices.Clone(h.pids)
		h.mu.Unlock()
		for _, pid := range slices.Backward(pids) { // the newest first: those before it have ended
			if holds(pid, link) {
				return h.name
			}
		}
	}
	return Operator
}

// holds says whether a process has a file open.
func holds(pid int, link string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return false // it has ended
	}
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		to, err := os.Readlink(dir + "/" + f.Name())
		return err == nil && to == link
	})
}

// sender is the name of the host that listens at an address.
func (l *Lab) sender(from netip.Addr) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		if h.behind == from {
			return h.name
		}
	}
	return Operator
}
