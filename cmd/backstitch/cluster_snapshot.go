package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/storage/failpoint"
)

func newClusterSnapshot(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "snapshot", Short: "Save, check and restore the book of record"}
	cmd.AddCommand(newSnapshotSave(a), newSnapshotInspect(a, "inspect", "Show what a snapshot holds"),
		newSnapshotInspect(a, "verify", "Check every byte of a snapshot"), newSnapshotRestore(a))
	return cmd
}

// snapshotFile is a snapshot on disk that was read to its end.
type snapshotFile struct {
	File  string
	Bytes int64
	Info  fsm.SnapshotInfo
}

// MarshalJSON names things as the rest of the API does.
func (s snapshotFile) MarshalJSON() ([]byte, error) {
	type kind struct {
		Name    string `json:"name"`
		Entries uint64 `json:"entries"`
		Bytes   uint64 `json:"bytes"`
	}
	out := struct {
		File    string `json:"file"`
		Bytes   int64  `json:"bytes"`
		Index   uint64 `json:"index"`
		Term    uint64 `json:"term"`
		Digest  string `json:"digest"`
		Level   uint32 `json:"level"`
		Entries uint64 `json:"entries"`
		Kinds   []kind `json:"kinds"`
	}{s.File, s.Bytes, s.Info.Index, s.Info.Term, hex.EncodeToString(s.Info.Digest[:]), s.Info.Version, s.Info.Entries, []kind{}}
	for _, k := range s.Info.Kinds {
		out.Kinds = append(out.Kinds, kind(k))
	}
	return json.Marshal(out)
}

// openSnapshot reads and checks a whole snapshot file.
func openSnapshot(path string) (snapshotFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return snapshotFile{}, &failure{Code: codeFile, Title: "can not read " + path, Detail: err.Error(), Next: "check the name", Exit: client.ExitNotFound, Err: err}
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return snapshotFile{}, err
	}
	info, err := fsm.ReadSnapshot(f)
	if err != nil {
		return snapshotFile{}, &failure{
			Code: codeFile, Title: path + " is not a good snapshot", Detail: err.Error(), Exit: client.ExitDiffer, Err: err,
			Next: "save another one: backstitch cluster snapshot save",
		}
	}
	return snapshotFile{File: path, Bytes: stat.Size(), Info: info}, nil
}

func newSnapshotSave(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "save [FILE]",
		Short:   "Save the book of record to a file, and read it back",
		Example: "  backstitch cluster snapshot save",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := fmt.Sprintf("backstitch-%s.snap", time.Now().UTC().Format("20060102-150405"))
			if len(args) == 1 {
				path = args[0]
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			body, _, _, err := c.Snapshot(cmd.Context())
			if err != nil {
				return err
			}
			defer body.Close()
			if err := saveStream(path, body); err != nil {
				return err
			}
			s, err := openSnapshot(path)
			if err != nil {
				return err
			}
			return a.print(answer{value: s, names: []string{path}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Saved %s   index %d term %d   %s   verified (reopened, %s)\n", path, s.Info.Index, s.Info.Term,
					bytesText(s.Bytes), snapshotCounts(s.Info))
				return err
			}})
		},
	}
}

// saveStream writes a stream to a new file, under another name until it is whole.
func saveStream(path string, body io.Reader) error {
	if _, err := os.Stat(path); err == nil {
		return &failure{Code: codeFile, Title: path + " exists already", Detail: "It is not overwritten.", Next: "name another file", Exit: client.ExitConflict}
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".snapshot-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err = io.Copy(temp, body); err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	failpoint.Reach(failpoint.SnapshotSaved)
	return os.Rename(temp.Name(), path)
}

func newSnapshotInspect(a *app, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " FILE",
		Short:   short,
		Long:    short + ". No cluster is needed; every checksum is checked, and a damaged file gives exit status 4.",
		Example: "  backstitch cluster snapshot " + verb + " backstitch-20261120-093012.snap",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openSnapshot(args[0])
			if err != nil {
				return err
			}
			return a.print(answer{value: s, names: args, text: func(w io.Writer) error {
				if verb == "verify" {
					_, err := fmt.Fprintf(w, "ok: %s   index %d term %d   %s   %s\n", s.File, s.Info.Index, s.Info.Term, bytesText(s.Bytes), snapshotCounts(s.Info))
					return err
				}
				return snapshotText(w, s)
			}})
		},
	}
}

func newSnapshotRestore(a *app) *cobra.Command {
	confirm := ""
	cmd := changes(&cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the whole book of record by a snapshot",
		Long: `Replace the whole book of record by a snapshot. Jobs that began after it are forgotten; what they wrote stays in the target,
and a new plan will find it there. The file is checked first, and its name has to be typed.`,
		Example: "  backstitch cluster snapshot restore backup.snap --confirm backup.snap",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSnapshot(args[0])
			if err != nil {
				return err
			}
			question := fmt.Sprintf("Replace the book of the cluster at %s by %s (index %d, %s)?", a.addr[0], args[0], s.Info.Index, snapshotCounts(s.Info))
			if err := a.confirmName(question, filepath.Base(args[0]), "--confirm", confirm); err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			out, err := c.Restore(cmd.Context(), f)
			if err != nil {
				return err
			}
			return a.print(answer{value: out, names: args, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Restored: %d job(s), index %d.  Next: backstitch status --all\n", out.Jobs, out.Index)
				return err
			}})
		},
	})
	cmd.Flags().StringVar(&confirm, "confirm", "", "the file's `name` once more, where nobody can be asked")
	return cmd
}

// snapshotCounts says in a few words what is in a snapshot.
func snapshotCounts(info fsm.SnapshotInfo) string {
	var parts []string
	for _, k := range info.Kinds {
		switch k.Name {
		case "job", "slice state", "proof", "member":
			parts = append(parts, fmt.Sprintf("%s %s(s)", count(int64(k.Entries)), k.Name))
		}
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, ", ")
}

func snapshotText(w io.Writer, s snapshotFile) error {
	fmt.Fprintf(w, "Snapshot %s\n  index    %d   term %d\n  digest   %x\n  level    %d\n  file     %s, %s uncompressed, every checksum good\n",
		s.File, s.Info.Index, s.Info.Term, s.Info.Digest, s.Info.Version, bytesText(s.Bytes), bytesText(int64(s.Info.Bytes)))
	var rows [][]string
	for _, k := range s.Info.Kinds {
		rows = append(rows, []string{"  " + k.Name, count(int64(k.Entries)), bytesText(int64(k.Bytes))})
	}
	return grid(w, []string{"  KIND", "ENTRIES", "BYTES"}, rows)
}
