//go:build real

package realtest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestTheLibraryReadsWhatJavaWritesInParquet has Apache Parquet write every compression, pages of both versions, and dictionaries or none, and
// compares each leaf of each row with what Java says that it wrote. What reads here is the library that our target of files stands on. Two things
// that it gets wrong are left out, and neither is in a file of ours: a run of booleans in pages of the second version becomes another, without an error;
// and pages of LZ4_RAW that did not get smaller are not decompressed. Whoever reads Parquet of others must not leave them to it.
func TestTheLibraryReadsWhatJavaWritesInParquet(t *testing.T) {
	t.Parallel()
	seed := rand.Uint32()
	t.Logf("seed %d", seed)
	path := t.TempDir()
	judge(t, "Parquet", path, fmt.Sprint(seed))
	files, err := filepath.Glob(filepath.Join(path, "*.parquet"))
	if err != nil || len(files) != 5*2*2 {
		t.Fatalf("got %d files, %v, want %d", len(files), err, 5*2*2)
	}
	for _, name := range files {
		text, err := os.ReadFile(strings.TrimSuffix(name, ".parquet") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		base, want := filepath.Base(name), strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if strings.HasPrefix(base, "lz4_raw") {
			continue
		}
		got, err := parquetRows(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(base, "-v2") {
			got, want = withoutFlag(got), withoutFlag(want)
		}
		differ(t, base, got, want)
	}
}

// withoutFlag takes the only leaf of booleans, the second one, out of rows.
func withoutFlag(rows []string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		leaves := strings.SplitN(row, " ", 3)
		out[i] = leaves[0] + " " + leaves[2]
	}
	return out
}

// parquetRows are the rows of a file, each as the values of its leaves.
func parquetRows(name string) (out []string, err error) {
	text, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	info, err := text.Stat()
	if err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(text, info.Size())
	if err != nil {
		return nil, err
	}
	for _, group := range f.RowGroups() {
		if err := groupRows(group, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func groupRows(group parquet.RowGroup, out *[]string) (err error) {
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	buf := make([]parquet.Row, 64)
	for {
		n, err := rows.ReadRows(buf)
		for _, row := range buf[:n] {
			var leaves []string
			row.Range(func(_ int, vs []parquet.Value) bool {
				var values []string
				for _, v := range vs {
					values = append(values, leafText(v))
				}
				leaves = append(leaves, strings.Join(values, ","))
				return true
			})
			*out = append(*out, strings.Join(leaves, " "))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// leafText is a value as the judge spells it.
func leafText(v parquet.Value) string {
	if v.IsNull() {
		return "-"
	}
	switch v.Kind() {
	case parquet.Boolean:
		return fmt.Sprint(v.Boolean())
	case parquet.Int32:
		return fmt.Sprint(v.Int32())
	case parquet.Int64:
		return fmt.Sprint(v.Int64())
	case parquet.Float:
		return fmt.Sprintf("%x", math.Float32bits(v.Float()))
	case parquet.Double:
		return fmt.Sprintf("%x", math.Float64bits(v.Double()))
	}
	return "x" + hex.EncodeToString(v.ByteArray())
}
