package storage

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Format is the version of the data directory as a whole. It only rises; a program opens its own and older ones.
type Format uint32

// FormatNewest is what this program writes.
const FormatNewest Format = 1

// programLine is the line of program versions that first wrote FormatNewest. It is stored with the data, so that an older
// program can name the one that is needed.
const programLine = "0.1"

// NewerFormatError says that Dir was written by a newer program than this one.
type NewerFormatError struct {
	Dir  string
	Have Format // what the directory holds
	Want Format // the newest that this program reads
	Line string // the program versions that write Have
}

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("BST-E0202: %s: data format %d was written by backstitch %s, this program reads up to format %d "+
		"(start backstitch %s or newer here; to go back, set the directory aside and let the node rejoin)",
		e.Dir, e.Have, e.Line, e.Want, e.Line)
}

// Is makes errors.Is(err, ErrNewer) true.
func (e *NewerFormatError) Is(target error) bool { return target == ErrNewer }

// readFormat returns the format of the data directory, 0 if none was written yet.
func readFormat(fs vfs.FS, data string) (Format, error) {
	path := fs.PathJoin(data, formatFile)
	sealed, err := ReadFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, Classify(path, err)
	}
	body, err := Unseal(sealed)
	if err != nil {
		return 0, Damaged(path, err)
	}
	var have Format
	var line string
	if _, err := fmt.Sscanf(string(body), "backstitch data format %d\nwritten by backstitch %s\n", &have, &line); err != nil || have == 0 {
		return 0, Damaged(path, fmt.Errorf("%q is not a format: %w", body, err))
	}
	if have > FormatNewest {
		return 0, &NewerFormatError{Dir: data, Have: have, Want: FormatNewest, Line: line}
	}
	return have, nil
}

func writeFormat(fs vfs.FS, data string, f Format, line string) error {
	body := fmt.Appendf(nil, "backstitch data format %d\nwritten by backstitch %s\n", f, line)
	return WriteFile(fs, fs.PathJoin(data, formatFile), Seal(body))
}
