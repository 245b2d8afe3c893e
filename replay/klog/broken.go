package klog

import (
	"errors"
	"fmt"
	"io"
)

// broken takes the io.EOF out of what a request failed with. A connection that is closed gives one, and to whoever reads records it
// says that there are no more.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %v", io.ErrUnexpectedEOF, err)
	}
	return err
}
