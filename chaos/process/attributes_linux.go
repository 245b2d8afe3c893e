package process

import "syscall"

// childAttributes makes the kernel kill the child when its parent is gone, however that came about.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
