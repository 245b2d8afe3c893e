package source

import (
	"fmt"

	"backstitch/partition"
)

// DamagedError says that an object, or one record in it, can not be read: truncated gzip, wrong checksum, broken line.
type DamagedError struct {
	Object string
	Offset partition.Offset // first position that could not be read, -1 when the whole object is unreadable
	Code   string           // stable, "BST-Q..."
	Err    error
}

func (e *DamagedError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: object %s: %v", e.Code, e.Object, e.Err)
	}
	return fmt.Sprintf("%s: object %s at %d: %v", e.Code, e.Object, e.Offset, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }
