//go:build process

package refusals

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// edit changes a plan file and leaves its checksum as it was.
func edit(t *testing.T, path string, change func(map[string]json.RawMessage)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(file["plan"])
	change(file)
	if bytes.Equal(before, file["plan"]) {
		t.Fatal("the change changed nothing")
	}
	if text, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// reseal gives a plan file the checksum of what it holds.
func reseal(t *testing.T, file map[string]json.RawMessage) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, file["plan"]); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(compact.Bytes())
	hash, err := json.Marshal(hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	file["sha256"] = hash
}

// otherCluster runs a plan that is whole and was made for another cluster.
func (s *site) otherCluster(t *testing.T) {
	plan := s.plan(t, s.spec(t, "elsewhere"))
	c, err := s.Client.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const other = "0123456789abcdef"
	edit(t, plan, func(file map[string]json.RawMessage) {
		file["plan"] = bytes.Replace(file["plan"], []byte(c.ID), []byte(other), 1)
		reseal(t, file)
	})
	s.refuses(t, refusal{11, "BST-E1108", []string{plan, other, c.ID}, "--addr"}, "run", plan)
}
