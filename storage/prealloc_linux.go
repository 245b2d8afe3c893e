package storage

import "golang.org/x/sys/unix"

// extend reserves bytes for the file and sets its size. A full disk shows at the first write, with a name.
func extend(fd uintptr, bytes int64) { _ = unix.Fallocate(int(fd), 0, 0, bytes) }
