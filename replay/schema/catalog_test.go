package schema_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// A schema is found by what it says and refers to: under a likely subject before others, by numbers that mean it, lowest first.
func TestACatalogFindsSchemasByWhatTheySay(t *testing.T) {
	fake := srfake.NewRegistry()
	srv := httptest.NewServer(fake.Handler())
	t.Cleanup(srv.Close)
	const line, other, order = `{"type":"record","name":"L","fields":[]}`, `{"type":"record","name":"L","fields":[],"doc":"x"}`, `{"type":"record","name":"O","fields":[{"name":"l","type":"L"}]}`
	refers := func(version int) []sr.SchemaReference {
		return []sr.SchemaReference{{Name: "L", Subject: "lines", Version: version}}
	}
	fake.SeedSchema("lines", 1, 1, sr.Schema{Schema: line})
	fake.SeedSchema("lines", 2, 2, sr.Schema{Schema: other})
	fake.SeedSchema("far", 1, 3, sr.Schema{Schema: order, References: refers(2)})
	fake.SeedSchema("far", 2, 9, sr.Schema{Schema: order, References: refers(1)})
	fake.SeedSchema("near", 1, 30, sr.Schema{Schema: order, References: refers(1)})
	fake.SeedSchema("near", 2, 20, sr.Schema{Schema: `{"type":"record","name":"O", "fields":[{"name":"l","type":"L"}]}`, References: refers(1)})
	reg, err := schema.Open("fake", srv.URL, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	if err := reg.Learn(t.Context(), record.SchemaName{ID: 9}); err != nil {
		t.Fatal(err)
	}
	print, _ := reg.Known(record.SchemaName{ID: 9})
	find := func(likely ...string) (ids []int) {
		t.Helper()
		found, err := schema.NewCatalog(reg).Find(t.Context(), print, likely...)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range found {
			ids = append(ids, v.ID)
		}
		return ids
	}
	if got := find("near"); !slices.Equal(got, []int{20, 30}) {
		t.Errorf("under the likely subject: got %v, want 20 and 30", got)
	}
	if got := find("nothing"); !slices.Equal(got, []int{9, 20, 30}) {
		t.Errorf("under any: got %v, want 9, 20 and 30", got)
	}
	print.Sum[0]++
	if _, err := schema.NewCatalog(reg).Find(t.Context(), print, "near"); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("got %v, want %v", err, schema.ErrUnknown)
	}
	if ok, err := reg.Says(t.Context(), record.SchemaName{ID: 77}, print); ok || err != nil {
		t.Errorf("a number that nobody has: got %t, %v", ok, err)
	}
}

// A number in another context is none for readers that ask by number alone.
func TestACatalogBelievesNoNumberOfAnotherContext(t *testing.T) {
	fake := srfake.NewRegistry()
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: `"string"`})
	fake.SeedSchema("b", 1, 2, sr.Schema{Schema: `"bytes"`})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/schemas/ids/2" { // what the default context calls so
			req.URL.Path = "/schemas/ids/1"
		}
		fake.Handler().ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	reg, err := schema.Open("fake", srv.URL, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	v, err := reg.Version(t.Context(), "b", 1)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := schema.NewCatalog(reg).Find(t.Context(), v.Print, "b"); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("got %v, %v, want %v", found, err, schema.ErrUnknown)
	}
}
