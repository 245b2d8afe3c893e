//go:build linux

package matrix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// Done is which scenarios of a long set have kept their promise already, in a file with a name in each line: a set that was
// interrupted goes on after them, and those that were broken run again.
type Done struct {
	path string // "" remembers nothing

	mu    sync.Mutex
	names map[string]bool
}

// OpenDone reads the file, which need not be there yet.
func OpenDone(path string) (*Done, error) {
	d := &Done{path: path, names: map[string]bool{}}
	if path == "" {
		return d, nil
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("what is done already: %w", err)
	}
	for _, name := range strings.Fields(string(text)) {
		d.names[name] = true
	}
	return d, nil
}

// Has says whether a scenario has been kept.
func (d *Done) Has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name]
}

// Add notes that a scenario has been kept.
func (d *Done) Add(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[name] = true
	if d.path == "" {
		return nil
	}
	file, err := os.OpenFile(d.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("note that %s is done: %w", name, err)
	}
	_, err = file.WriteString(name + "\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("note that %s is done: %w", name, err)
	}
	return nil
}
