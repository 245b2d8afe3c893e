//go:build real

package realtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/ocf"
)

// TestWhatJavaWritesInAvroIsRead has Apache Avro write every type in every compression, arrays and maps in one piece and in blocks that say
// their length, and compares each datum as JSON with what Java says that it wrote.
func TestWhatJavaWritesInAvroIsRead(t *testing.T) {
	t.Parallel()
	seed := rand.Uint32()
	t.Logf("seed %d", seed)
	path := t.TempDir()
	judge(t, "Avro", path, fmt.Sprint(seed))
	for _, codec := range []string{ocf.Null, ocf.Deflate, ocf.Snappy, ocf.Zstandard} {
		for _, blocks := range []string{"", "-blocks"} {
			name := filepath.Join(path, codec+blocks)
			text, err := os.ReadFile(name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			got, err := datums(name + ".avro")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			differ(t, codec+blocks, got, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
		}
	}
	// What is not read is said by its name, and is no damage.
	if _, err := datums(filepath.Join(path, "bzip2.avro")); !errors.Is(err, ocf.ErrCodec) {
		t.Errorf("bzip2: got %v, want %v", err, ocf.ErrCodec)
	}
}

// blockBytes is what archives are read with. Java's zstandard streams, and wants a window of 2 MiB for the smallest block.
const blockBytes = 64 << 20

// datums are those of an object, as JSON.
func datums(path string) (out []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var c ocf.Codecs
	defer c.Close()
	r, err := ocf.NewReader(f, &c, ocf.Limits{BlockBytes: blockBytes})
	if err != nil {
		return nil, err
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		block, err := r.Open(nil, b)
		if err != nil {
			return out, err
		}
		ends, err := r.Schema().Datums(nil, block, b.Records)
		if err != nil {
			return out, err
		}
		from := 0
		for _, to := range ends {
			text, err := r.Schema().AppendJSON(nil, block[from:to], 1<<20)
			if err != nil {
				return out, err
			}
			out, from = append(out, string(text)), to
		}
	}
}
