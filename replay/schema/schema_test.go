package schema_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const order = `{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}`

func open(t *testing.T, url string) *schema.Registry {
	t.Helper()
	r, err := schema.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func learn(t *testing.T, r *schema.Registry, id uint32) [16]byte {
	t.Helper()
	if err := r.Learn(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	print, ok := r.Known(id)
	if !ok {
		t.Fatalf("schema %d: not known after it was learnt", id)
	}
	return print
}

// TestPrintsAreOfWhatASchemaSays compares two registries that number, space and place their schemas differently.
func TestPrintsAreOfWhatASchemaSays(t *testing.T) {
	a, b := schematest.New(t), schematest.New(t)
	compact := strings.NewReplacer(" ", "", "\n", "").Replace(order)
	item := sr.Schema{Schema: `"string"`}
	other := sr.Schema{Schema: `"bytes"`}
	refers := func(subject string, version int) sr.Schema {
		return sr.Schema{Schema: `{"type":"array","items":"Item"}`, References: []sr.SchemaReference{{Name: "Item", Subject: subject, Version: version}}}
	}
	a.Register("item", item)
	b.Register("x", other)
	b.Register("x", item)
	a.Put(1, sr.Schema{Schema: order})
	b.Put(101, sr.Schema{Schema: compact})
	a.Put(2, sr.Schema{Schema: strings.Replace(order, "long", "int", 1)})
	a.Put(3, refers("item", 1))
	b.Put(103, refers("x", 2))
	b.Put(104, refers("x", 1))
	b.Put(105, sr.Schema{Schema: compact, Type: sr.TypeJSON})
	ra, rb := open(t, a.URL), open(t, b.URL)
	if x, y := learn(t, ra, 1), learn(t, rb, 101); x != y {
		t.Errorf("the same schema: got %x and %x, want one print", x, y)
	}
	if x, y := learn(t, ra, 3), learn(t, rb, 103); x != y {
		t.Errorf("the same schema, referring to another place: got %x and %x, want one print", x, y)
	}
	for name, id := range map[string]uint32{"references of another schema": 104, "another type": 105} {
		if x := learn(t, rb, id); x == learn(t, ra, 3) || x == learn(t, ra, 1) {
			t.Errorf("%s: got the same print, want another", name)
		}
	}
	if learn(t, ra, 1) == learn(t, ra, 2) {
		t.Error("another field type: got the same print, want another")
	}
	if got := ra.Count(); got != 3 {
		t.Errorf("Count: got %d, want 3", got)
	}
}

func TestWhatARegistryDoesNotSayIsAnError(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(1, sr.Schema{Schema: order})
	r := open(t, fake.URL)
	if err := r.Learn(t.Context(), 9); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("unknown number: got %v, want %v", err, schema.ErrUnknown)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Learn(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up: got %v, want %v", err, context.Canceled)
	}
	learn(t, r, 1)
	fake.SetDown(true)
	learn(t, r, 1) // known, so nobody is asked
	for range 2 {
		if err := r.Learn(t.Context(), 2); !errors.Is(err, schema.ErrNoAnswer) {
			t.Errorf("registry that is down: got %v, want %v", err, schema.ErrNoAnswer)
		}
	}
	asked := fake.Asked()
	if err := r.Learn(t.Context(), 3); !errors.Is(err, schema.ErrNoAnswer) || fake.Asked() != asked {
		t.Errorf("registry that was down: got %v and %d more questions, want %v and none", err, fake.Asked()-asked, schema.ErrNoAnswer)
	}
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	if err := open(t, elsewhere.URL).Learn(t.Context(), 1); !errors.Is(err, schema.ErrNoAnswer) {
		t.Errorf("a web server that is no registry: got %v, want %v", err, schema.ErrNoAnswer)
	}
	for _, address := range []string{"registry:8081", "ftp://registry", "http://user:secret@registry", ""} {
		if _, err := schema.Open(address); err == nil {
			t.Errorf("Open(%q): got nil, want a refusal", address)
		}
	}
}

func TestAQuestionIsAskedOnce(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(7, sr.Schema{Schema: order})
	r := open(t, fake.URL)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := r.Learn(t.Context(), 7); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := fake.Asked(); got != 1 {
		t.Errorf("questions: got %d, want 1", got)
	}
}

func framed(id byte, rest string) []byte { return append([]byte{0, 0, 0, 0, id}, rest...) }

// TestHashesDependOnSchemasAndNotOnTheirNumbers hashes one record as two clusters have it.
func TestHashesDependOnSchemasAndNotOnTheirNumbers(t *testing.T) {
	a, b := schematest.New(t), schematest.New(t)
	a.Put(1, sr.Schema{Schema: order})
	b.Put(5, sr.Schema{Schema: order})
	b.Put(6, sr.Schema{Schema: `"string"`})
	b.Register("with-keys-key", sr.Schema{Schema: order})
	ra, rb := open(t, a.URL), open(t, b.URL)
	hash := func(s *schema.Side, key, value []byte) [16]byte {
		t.Helper()
		batch := &record.Batch{Records: []record.Record{{Key: key, Value: value}}}
		if err := s.Learn(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		h := record.Hasher{Frames: s.Frames()}
		return h.Hash(&batch.Records[0], record.AllFields)
	}
	one, other := schema.NewSide(ra, "orders"), schema.NewSide(rb, "orders")
	key := []byte("k")
	if hash(one, key, framed(1, "x")) != hash(other, key, framed(5, "x")) {
		t.Error("one schema under two numbers: got two hashes, want one")
	}
	for name, value := range map[string][]byte{"another schema": framed(6, "x"), "another value": framed(5, "y")} {
		if hash(one, key, framed(1, "x")) == hash(other, key, value) {
			t.Errorf("%s: got one hash, want two", name)
		}
	}
	// A key of 8 bytes that begins with a 0 is a number, unless the registry has schemas of keys.
	number := []byte{0, 0, 0, 0, 5, 0, 0, 0}
	if hash(other, number, nil) != record.Hash(&record.Record{Key: number}, record.AllFields) {
		t.Error("a key that is no schema's: got another hash than that of its bytes")
	}
	if hash(schema.NewSide(rb, "with-keys"), number, nil) == record.Hash(&record.Record{Key: number}, record.AllFields) {
		t.Error("a key that is a schema's: got the hash of its bytes")
	}
	// With schemas of keys in one registry only, no hash of such a key compares with the other side's; other keys are bytes on both.
	with, without := schema.NewSide(rb, "with-keys"), schema.NewSide(ra, "orders")
	schema.Pair(with, without)
	for _, s := range []*schema.Side{with, without} {
		torn := &record.Batch{Records: []record.Record{{Key: number}}}
		if err := s.Learn(t.Context(), torn); !errors.Is(err, schema.ErrKeys) || !strings.Contains(err.Error(), "with-keys-key") {
			t.Errorf("keys of one side: got %v, want %v that names the subject", err, schema.ErrKeys)
		}
	}
	if hash(with, key, nil) != hash(without, key, nil) {
		t.Error("a key that names no schema: got two hashes, want one")
	}
	var nobody *schema.Side
	if hash(nobody, key, framed(1, "x")) == hash(nobody, key, framed(5, "x")) {
		t.Error("no registry: got one hash for two numbers, want two")
	}
}
