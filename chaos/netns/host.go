//go:build linux

package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"backstitch/chaos/process"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A namespace belongs to a thread, and Go moves goroutines between threads. So each host has a goroutine of its own that is
// locked to a thread which lives as long as the host and never runs anything else: what has to happen in the namespace is
// handed to it. It is also the parent of the host's processes, which therefore die with it.

// MTU of every device, as on Ethernet.
const MTU = 1500

// Host is one namespace, seen from the test.
type Host struct {
	lab    *Lab
	name   string
	space  space
	tun    *os.File // what the host sends is read here, and what it receives is written
	device string
}

// space is where a host's functions run.
type space interface {
	do(func() error) error
	end()
}

// here is the namespace that the test process is in.
type here struct{}

func (here) do(f func() error) error { return f() }
func (here) end()                    {}

// thread runs functions in a namespace of its own.
type thread struct {
	work  chan func()
	ended chan struct{}
}

func newThread() (*thread, error) {
	t := &thread{work: make(chan func()), ended: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(t.ended)
		runtime.LockOSThread() // never unlocked: a thread in another namespace must not be used again, so it ends here
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- err
			return
		}
		ready <- nil
		for f := range t.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return t, nil
}

func (t *thread) do(f func() error) error {
	done := make(chan error)
	t.work <- func() { done <- f() }
	return <-done
}

func (t *thread) end() {
	close(t.work)
	<-t.ended
}

// Name is the host's name, and that of its first party.
func (h *Host) Name() string { return h.name }

// Addr is the address of the host's first party.
func (h *Host) Addr() netip.Addr { return h.lab.Addr(h.name) }

// Do runs f in the host: sockets that f opens are the host's. f must not wait for anything else that runs in the host.
func (h *Host) Do(f func() error) error { return h.space.do(f) }

// Start starts a process in the host. It dies with the host.
func (h *Host) Start(spec process.Spec) (*process.Process, error) {
	var p *process.Process
	err := h.Do(func() (err error) {
		p, err = process.Start(spec)
		return err
	})
	return p, err
}

// Also gives the host one more party, with an address of its own.
func (h *Host) Also(name string) (netip.Addr, error) {
	l := h.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	addr := l.next
	if !l.subnet.Contains(addr.Next()) { // the last one is for broadcasts
		return netip.Addr{}, fmt.Errorf("%s has no address left", l.subnet)
	}
	if err := h.address(netlink.AddrAdd, addr); err != nil {
		return netip.Addr{}, fmt.Errorf("address of %s: %w", name, err)
	}
	l.next = addr.Next()
	l.changeTable(func(t *table) { t.parties[addr] = &party{name: name, addr: addr, host: h} })
	return addr, nil
}

// Move gives a party of the host another address, and takes the old one away.
func (h *Host) Move(name string) (netip.Addr, error) {
	old := h.lab.Addr(name)
	if !old.IsValid() {
		return old, fmt.Errorf("there is no party %s", name)
	}
	h.lab.mu.Lock()
	h.lab.changeTable(func(t *table) { delete(t.parties, old) })
	h.lab.mu.Unlock()
	if err := h.address(netlink.AddrDel, old); err != nil {
		return netip.Addr{}, fmt.Errorf("address of %s: %w", name, err)
	}
	return h.Also(name)
}

func (h *Host) address(change func(netlink.Link, *netlink.Addr) error, addr netip.Addr) error {
	return h.Do(func() error {
		device, err := netlink.LinkByName(h.device)
		if err != nil {
			return err
		}
		return change(device, &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(h.lab.subnet.Bits(), 32)}})
	})
}

// openDevice makes the host's TUN device and brings it and the loopback up.
func (h *Host) openDevice() (file *os.File, name string, err error) {
	err = h.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq("chaos%d") // the kernel fills in the number
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = ioctl(fd, unix.TUNSETIFF, unsafe.Pointer(request)) // #nosec G103 -- an ioctl wants an address
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("make a TUN device: %w", err)
		}
		file, name = os.NewFile(uintptr(fd), request.Name()), request.Name()
		for _, up := range []string{name, "lo"} {
			device, err := netlink.LinkByName(up)
			if err == nil {
				err = netlink.LinkSetUp(device)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("%s up: %w", up, err), file.Close())
			}
		}
		return nil
	})
	return file, name, err
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func (h *Host) close() error {
	h.space.end()
	if err := h.tun.Close(); err != nil {
		return fmt.Errorf("close the device of %s: %w", h.name, err)
	}
	return nil
}
