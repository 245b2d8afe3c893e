package storage

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// The sentinels of this room. An error that reaches an operator is an *Error around one of them.
var (
	// ErrDamaged says that bytes came back other than they were written, or not at all.
	ErrDamaged = errors.New("damaged")
	// ErrShortened says that the raft log ends before an entry that this node has acknowledged. Such a node must not vote.
	ErrShortened = errors.New("log is shorter than what was acknowledged")
	// ErrNewer says that a newer program wrote the data.
	ErrNewer = errors.New("written by a newer program")
	// ErrFull says that the disk is full.
	ErrFull = errors.New("disk is full")
	// ErrLocked says that another process has the directory open.
	ErrLocked = errors.New("in use by another process")
	// ErrDisk says that the disk refused a read, a write or a sync for another reason than being full.
	ErrDisk = errors.New("disk error")
)

// Error is a fault of the stored bytes as an operator meets it: which object, what is wrong, what to do next.
type Error struct {
	Code   string // stable, BST-E02xx
	Object string // a path, or "raft log entry 17"
	Kind   error  // one of the sentinels
	Cause  error  // may be nil
	Hint   string // what to do next
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %v", e.Code, e.Object, e.Kind)
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap gives both the sentinel and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Damaged returns an error of kind ErrDamaged about object.
func Damaged(object string, cause error) error { return newError(ErrDamaged, object, cause) }

// Shortened returns an error of kind ErrShortened about object.
func Shortened(object string, cause error) error { return newError(ErrShortened, object, cause) }

// newError fills in the code and the hint that belong to kind.
func newError(kind error, object string, cause error) *Error {
	e := &Error{Object: object, Kind: kind, Cause: cause}
	switch kind {
	case ErrDamaged:
		e.Code, e.Hint = "BST-E0201", "the node must not serve this: set the data directory aside and let it rejoin as a learner"
	case ErrNewer:
		e.Code = "BST-E0202"
	case ErrFull:
		e.Code, e.Hint = "BST-E0203", "free space on this disk, then start the node again"
	case ErrLocked:
		e.Code, e.Hint = "BST-E0204", "stop the other process or give this node its own directory"
	case ErrShortened:
		e.Code, e.Hint = "BST-E0205", "the node must not vote: set the data directory aside and let it rejoin as a learner"
	default:
		e.Code, e.Hint = "BST-E0206", "check the disk and the kernel log, then start the node again"
	}
	return e
}

// Classify wraps an error of pebble or the file system into an *Error about object. Errors that already are one of this
// room pass unchanged; nil stays nil.
func Classify(object string, err error) error {
	var known *Error
	var newer *NewerFormatError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.As(err, &newer):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return newError(ErrFull, object, err)
	case pebble.IsCorruptionError(err):
		return newError(ErrDamaged, object, err)
	default:
		return newError(ErrDisk, object, err)
	}
}

// classifyOpen is Classify for opening: pebble marks only some of what it can not read as corruption, so everything that
// the operating system did not refuse counts as damage. A file that should be there and is not is damage too.
func classifyOpen(object string, err error) error {
	var known *Error
	var newer *NewerFormatError
	var errno syscall.Errno
	switch {
	case errors.As(err, &known), errors.As(err, &newer):
		return err
	case errors.Is(err, os.ErrNotExist):
		return newError(ErrDamaged, object, err)
	case errors.As(err, &errno):
		return Classify(object, err)
	default:
		return newError(ErrDamaged, object, err)
	}
}
