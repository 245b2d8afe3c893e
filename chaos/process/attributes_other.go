//go:build !linux

package process

import "syscall"

// childAttributes gives the child a group of its own. Without a parent death signal a parent that is killed leaves its
// children behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
