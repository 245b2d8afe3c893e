package sandbox

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// TestARegistryAnswersWhatIsAsked: the client that plans and proofs ask with gets what was put in, below the name of each registry, and is told what is
// not there.
func TestARegistryAnswersWhatIsAsked(t *testing.T) {
	ctx := context.Background()
	const guid = "0f0a7c0e-5d3b-4a53-9a51-3d5e6f1b2c4d"
	refers := sr.Schema{Schema: `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`, References: []sr.SchemaReference{{Name: "B", Subject: "b", Version: 1}}}
	all := Registries{
		"west": {
			{Subject: "b", Version: 1, ID: 1, Schema: sr.Schema{Schema: `{"type":"record","name":"B","fields":[]}`}},
			{Subject: "a", Version: 2, ID: 3, GUID: guid, Schema: refers}, {Subject: "a", Version: 1, ID: 2, Schema: sr.Schema{Schema: `"int"`}},
		},
		"east": {},
	}
	srv := httptest.NewServer(all.Handler())
	t.Cleanup(srv.Close)
	open := func(name string) *schema.Registry {
		r, err := schema.Open(name, srv.URL+"/"+name, http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	west, east := open("west"), open("east")
	if err := west.Ping(ctx); err != nil {
		t.Error(err)
	}
	byNumber, err := west.Named(ctx, record.SchemaName{ID: 3})
	name, _ := schema.ParseName(guid)
	byGUID, gerr := west.Named(ctx, name)
	if diff := cmp.Diff(byNumber, byGUID); err != nil || gerr != nil || diff != "" || len(byNumber.References) != 1 {
		t.Errorf("by number %+v, %v, by GUID %+v, %v", byNumber, err, byGUID, gerr)
	}
	latest, err := west.Version(ctx, "a", 0)
	if err != nil || latest.ID != 3 || latest.Version != 2 {
		t.Errorf("latest: got %+v, %v", latest, err)
	}
	if versions, err := west.Versions(ctx, "a"); err != nil || cmp.Diff(versions, []int{1, 2}) != "" {
		t.Errorf("versions: got %v, %v", versions, err)
	}
	if subjects, err := west.Subjects(ctx); err != nil || cmp.Diff(subjects, []string{"a", "b"}) != "" {
		t.Errorf("subjects: got %v, %v", subjects, err)
	}
	if usages, err := west.Usages(ctx, 3); err != nil || len(usages) != 1 || usages[0].Version != 2 {
		t.Errorf("usages: got %+v, %v", usages, err)
	}
	if _, err := east.Named(ctx, record.SchemaName{ID: 3}); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("in the other registry: got %v, want ErrUnknown", err)
	}
	if there, err := east.HasSubject(ctx, "a"); there || err != nil {
		t.Errorf("a subject of the other registry: got %t, %v", there, err)
	}
	if _, err := west.Version(ctx, "a", 3); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("a version that is not there: got %v, want ErrUnknown", err)
	}
}

func TestRegistriesOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registries.json")
	if err := os.WriteFile(file, []byte(`{"west":[{"subject":"a","version":1,"id":2,"schema":"\"int\"","schemaType":"AVRO"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadRegistries(file); err != nil || got["west"][0].ID != 2 || got["west"][0].Schema.Schema != `"int"` {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ReadRegistries(""); got != nil || err != nil {
		t.Errorf("no file: got %v, %v", got, err)
	}
	if err := os.WriteFile(file, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRegistries(file); err == nil {
		t.Error("no JSON: got no error")
	}
	if _, err := New(Config{Dir: "x", KafkaPort: 1, S3Port: 2, ControlPort: 3, Registries: Registries{}}, nil); err == nil {
		t.Error("registries without a port: got no error")
	}
}
