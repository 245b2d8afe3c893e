package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The journal is one sealed file per token, which holds the newest attempt under it.

// record is what the journal has of an attempt. State.Phase is Running or Ended.
type record struct {
	Program   string    `json:"program"`
	Flow      string    `json:"flow"`
	Step      string    `json:"step"`
	Attempt   uint32    `json:"attempt"`
	BegunAt   time.Time `json:"begunAt"`
	ChangedAt time.Time `json:"changedAt"`
	State     State     `json:"state"`
}

// keptFor is how long what has ended is remembered. A flow asks for it within moments.
const keptFor = 30 * 24 * time.Hour

const suffix = ".run"

type journal struct{ dir string }

func (j journal) path(token string) string { return filepath.Join(j.dir, token+suffix) }

func (j journal) read(token string) (rec record, ok bool, err error) {
	path := j.path(token)
	sealed, err := storage.ReadFile(vfs.Default, path)
	if errors.Is(err, os.ErrNotExist) {
		return rec, false, nil
	}
	if err != nil {
		return rec, false, fmt.Errorf("journal of programs: %w", err)
	}
	body, err := storage.Unseal(sealed)
	if err == nil {
		err = json.Unmarshal(body, &rec)
	}
	if err != nil {
		// What it was can not be told, so it may have begun.
		return record{Attempt: 1, State: State{Phase: Running}}, true, nil
	}
	return rec, true, nil
}

func (j journal) write(token string, rec record) error {
	body, err := json.Marshal(rec)
	if err == nil {
		err = storage.WriteFile(vfs.Default, j.path(token), storage.Seal(append(body, '\n')))
	}
	if err != nil {
		return fmt.Errorf("journal of programs: %w", err)
	}
	return nil
}

// sweep forgets what ended long ago.
func (j journal) sweep(now time.Time) error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		token, ok := strings.CutSuffix(f.Name(), suffix)
		if !ok {
			continue
		}
		rec, ok, err := j.read(token)
		if err != nil {
			return err
		}
		if ok && rec.State.Phase == Ended && now.Sub(rec.ChangedAt) > keptFor {
			if err := os.Remove(j.path(token)); err != nil {
				return err
			}
		}
	}
	return nil
}
