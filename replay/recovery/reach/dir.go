package reach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"backstitch/replay/archive"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
)

// dirEnd is a directory target. It has every partition that anybody asks for; one that nobody wrote yet is empty.
type dirEnd struct {
	sink.Targets
	path, topic string
}

// OffsetsAt knows nothing of times.
func (e *dirEnd) OffsetsAt(context.Context, int64) (map[int32]int64, error) { return nil, nil }

// Describe lists the partitions that were written.
func (e *dirEnd) Describe(ctx context.Context) (recovery.State, error) {
	s := recovery.State{Kind: "dir", Topic: e.topic, Path: e.path}
	root, err := os.OpenRoot(e.path)
	if err != nil {
		return s, fmt.Errorf("%w: %w", recovery.ErrNoTarget, err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), e.topic)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("list %s: %w", e.path, err)
	}
	for _, entry := range entries { // sorted by name, and so by number
		n, err := strconv.ParseInt(entry.Name(), 10, 32)
		if err != nil || !entry.IsDir() {
			continue
		}
		if err := e.notAnArchive(root.FS(), e.topic+"/"+entry.Name()); err != nil {
			return s, err
		}
		from, to, err := e.Bounds(ctx, int32(n))
		if err != nil {
			return s, err
		}
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: int32(n), LogStart: from, LSO: to})
	}
	return s, nil
}

// notAnArchive refuses a directory that holds segments of an archive. An archive is where records come from; a plan that
// writes into one has source and target swapped.
func (e *dirEnd) notAnArchive(files fs.FS, dir string) error {
	segments, err := fs.Glob(files, dir+"/*"+archive.Suffix)
	if err != nil {
		return fmt.Errorf("list %s: %w", e.path, err)
	}
	if len(segments) == 0 {
		return nil
	}
	return &recovery.Error{
		Code: recovery.CodeSwapped, Title: "source and target are swapped: the target " + e.path + " is an archive", Exit: exitUsage,
		Why:  "It holds " + segments[0] + ". Recovered records do not go into the archive of what they are compared with.",
		Hint: "exchange spec.source and spec.target, or name another directory",
	}
}

// exitUsage is the exit status of an invalid spec.
const exitUsage = 2
