package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Entry is one program that a node allows.
type Entry struct {
	Path string // absolute
	// Idempotent says that running it twice under one token is as good as once: what may have begun and was lost sight of is begun again.
	Idempotent bool
}

// Order asks for one attempt. The same again asks how it goes.
type Order struct {
	Token   string // 32 hex digits; see flow.State.NextToken
	Attempt uint32
	Program string // name of an entry
	Args    []string
	Flow    string
	Step    string
	Timeout time.Duration
}

// Phase is how far an attempt is. The numbers cross the wire; never reuse one.
type Phase uint8

const (
	Running Phase = 1
	Ended   Phase = 2
	Unknown Phase = 3 // it began, and nobody knows what came of it
	Busy    Phase = 4 // it did not begin: an earlier attempt still runs, or too many do
)

// State is how an attempt goes.
type State struct {
	Phase    Phase
	Exit     int32 // status of Ended, -1 when it was killed or never ran
	TimedOut bool  // it was killed since its time was over
	Stopped  bool  // it was killed since the node stopped
	Why      string
	Output   string // the end of what it wrote, both streams, at most OutputKept bytes
}

// Limits of orders.
const (
	OutputKept  = 4 << 10
	MaxArgs     = 64
	MaxArgBytes = 4 << 10
	MaxRunning  = 16 // programs of one node at the same time
	MaxTimeout  = 24 * time.Hour
)

// ErrRefused says that the order would be refused again.
var ErrRefused = errors.New("refused")

// nameLetters are what names of entries are made of.
const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// CheckName says why a name of an entry can not be one, nil when it can.
func CheckName(name string) error {
	if name == "" || len(name) > 63 || strings.Trim(name, nameLetters) != "" || name[0] == '-' {
		return fmt.Errorf("%q is no name of a program: want 1 to 63 of a-z, 0-9 and dashes", name)
	}
	return nil
}

// CheckArgs says why arguments can not be passed.
func CheckArgs(args []string) error {
	if len(args) > MaxArgs {
		return fmt.Errorf("%d arguments, at most %d are passed", len(args), MaxArgs)
	}
	for i, a := range args {
		if len(a) > MaxArgBytes || strings.ContainsRune(a, 0) {
			return fmt.Errorf("argument %d is longer than %d bytes, or has a zero byte", i+1, MaxArgBytes)
		}
	}
	return nil
}

// Check says why an entry can not be allowed, nil when it can. It looks at no file.
func (e Entry) Check() error {
	if !filepath.IsAbs(e.Path) || filepath.Clean(e.Path) != e.Path {
		return fmt.Errorf("%q is not an absolute path in its shortest form", e.Path)
	}
	return nil
}

// runnable looks at the file.
func (e Entry) runnable() error {
	info, err := os.Stat(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is not there", ErrRefused, e.Path)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%w: %s is not a file that can be executed", ErrRefused, e.Path)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("%w: everybody may write %s: chmod o-w %s", ErrRefused, e.Path, e.Path)
	}
	return nil
}

func (o Order) check() error {
	switch {
	case len(o.Token) != 32 || strings.Trim(o.Token, "0123456789abcdef") != "":
		return fmt.Errorf("%w: token %q is not 32 hex digits", ErrRefused, o.Token)
	case o.Attempt == 0 || o.Timeout <= 0 || o.Timeout > MaxTimeout:
		return fmt.Errorf("%w: attempt %d with a time of %s", ErrRefused, o.Attempt, o.Timeout)
	}
	if err := CheckArgs(o.Args); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}
