//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Available says why this process can not make a network, nil when it can.
func Available() error {
	t, err := newThread()
	if err != nil {
		return fmt.Errorf("network namespaces need root: %w", err)
	}
	defer t.end()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("this kernel has no TUN devices: /dev/net/tun: %w", err)
	}
	return unix.Close(fd)
}

// entered marks the process that Enter has started.
const entered = "BACKSTITCH_NETNS_ENTERED"

// Enter is for TestMain. Where the process may not make networks, it starts the same program again in a user namespace, where
// it may, and returns its exit status and true. It returns false when there is nothing to be done: the process may already, or
// the machine does not allow user namespaces either, which Available will say again.
func Enter() (status int, did bool) {
	if Available() == nil || os.Getenv(entered) != "" {
		return 0, false
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), entered+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // the child gets them too, and ends in its own way
	defer signal.Stop(signals)
	err := cmd.Start()
	if err != nil {
		return 0, false
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), true
	}
	return 0, true
}
