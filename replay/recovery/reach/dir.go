package reach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

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
		from, to, err := e.Bounds(ctx, int32(n))
		if err != nil {
			return s, err
		}
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: int32(n), LogStart: from, LSO: to})
	}
	return s, nil
}
