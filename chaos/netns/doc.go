// Package netns is a network made of real kernels' sockets and a switch of our own: each host is a network namespace with one
// TUN device, and the test process carries every packet from one device to another. What it does with a packet on its way is
// the fault (chaos/rule): lose it, hold it, send it twice, turn a bit over, answer it with a reset, let it through at a rate.
//
// Invariants:
//   - Nothing has to be swept. A namespace lives as long as its thread and its processes, and a device as long as its file:
//     when the test process ends, also by SIGKILL, the kernel takes all of it away.
//   - What chance decides is decided by a seed that is given. When packets come is the kernel's business, so that a run can be
//     tried again, not replayed.
//   - Without rules the order of packets between two hosts is kept.
//
// It needs a Linux kernel with network namespaces and TUN, and root; Available says why not. A user namespace does as well:
// Enter starts the test again in one where the machine allows that.
//
// Not here: what to do when (chaos/matrix), and the processes in the hosts (chaos/process).
//
// Reading order: lab.go, host.go, carry.go, packet.go, enter.go.
package netns
