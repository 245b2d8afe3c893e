package canary

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Store looks through every key and value of the database in dir, which is called name. Its blocks are compressed and its keys cut short, so the
// files alone show neither. Nobody may have it open, and it is changed: give it a copy.
func (s *Search) Store(name, dir string) (keys int, err error) {
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer db.Close()
	in, err := db.NewIter(nil)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	for ok := in.First(); ok; ok = in.Next() {
		keys++
		s.Look(name+" (a key)", in.Key())
		s.Look(name+" (a value)", in.Value())
	}
	if err := in.Close(); err != nil {
		return keys, fmt.Errorf("read %s: %w", name, err)
	}
	return keys, nil
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
