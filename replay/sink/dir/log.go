package dir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"backstitch/partition"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// The commits of one partition. What makes them safe is link(2): it fails when the name is taken, and the file that it names
// is whole by then.

// entry is one commit.
type entry struct {
	Version int             `json:"version"` // 1
	Number  int64           `json:"number"`
	Job     partition.JobID `json:"job"`
	Stamp   string          `json:"stamp"`          // of the lane of Job, after this commit
	Data    string          `json:"data,omitempty"` // file name, "" for none
	Size    int64           `json:"size,omitempty"`
	Sum     string          `json:"sum,omitempty"` // xxh3-128 of the data file
	From    int64           `json:"from"`          // offset of the first record
	To      int64           `json:"to"`            // offset after the last one
}

const (
	commitSuffix = ".commit"
	tempPrefix   = ".tmp-"
)

func entryName(n int64) string { return fmt.Sprintf("%020d%s", n, commitSuffix) }

func partitionDir(topic string, part int32) string {
	return path.Join(topic, fmt.Sprintf("%05d", part))
}

// lastEntry returns the number of the newest commit, 0 when there is none.
func lastEntry(root *os.Root, dir string) (int64, error) {
	names, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var last, count int64
	for _, n := range names {
		text, ok := strings.CutSuffix(n.Name(), commitSuffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || entryName(v) != n.Name() {
			return 0, fmt.Errorf("%s/%s is not a commit of ours: %w", dir, n.Name(), sink.ErrProgress)
		}
		last, count = max(last, v), count+1
	}
	if last != count {
		return 0, fmt.Errorf("%s has %d commits, the last is number %d: %w", dir, count, last, sink.ErrProgress)
	}
	return last, nil
}

func readEntry(root *os.Root, dir string, n int64) (entry, error) {
	var e entry
	name := path.Join(dir, entryName(n))
	text, err := root.ReadFile(name)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Version != 1 || e.Number != n || e.To < e.From {
		return e, fmt.Errorf("%s is not a commit of this version: %w", name, errors.Join(err, sink.ErrProgress))
	}
	return e, nil
}

// putNew creates dir/name whole or not at all. It gives fs.ErrExist when there is one. serial must be new in this process;
// what a process of the same number left behind is overwritten.
func putNew(root *os.Root, dir, name string, body []byte, serial int64) error {
	temp := path.Join(dir, fmt.Sprintf("%s%s-%d-%d", tempPrefix, name, os.Getpid(), serial))
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = root.Link(temp, path.Join(dir, name))
	}
	err = errors.Join(err, root.Remove(temp))
	if err != nil {
		return err
	}
	failpoint.Reach(failpoint.DirLinked)
	return syncDir(root, dir)
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
