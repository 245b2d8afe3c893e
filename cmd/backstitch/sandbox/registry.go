package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registries are schema registries by name. Each answers below /NAME of one port what this program asks of a Confluent-compatible one: schemas by
// number and by GUID, subjects and their versions, and the mode of a subject. What is in them is given at start. A version is never
// added: a rehearsal that registered something would rehearse another job.
type Registries map[string][]sr.SubjectSchema

// ReadRegistries reads them from a file, or gives none for "".
func ReadRegistries(file string) (Registries, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out Registries
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("read registries %s: %w", file, err)
	}
	return out, nil
}

// Error codes of the API.
const (
	noSubject = 40401
	noVersion = 40402
	noSchema  = 40403
)

// Handler serves them.
func (r Registries) Handler() http.Handler {
	mux := http.NewServeMux()
	// get answers with what find finds in the registry that is asked, or that it is not there.
	get := func(path string, missing int, find func([]sr.SubjectSchema, *http.Request) (any, bool)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			answer, ok := find(r[req.PathValue("registry")], req)
			w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				answer = map[string]any{"error_code": missing, "message": "not found"}
			}
			_ = json.NewEncoder(w).Encode(answer) // a client that went away
		})
	}
	number := func(req *http.Request) func(sr.SubjectSchema) bool {
		id, err := strconv.Atoi(req.PathValue("id"))
		return func(s sr.SubjectSchema) bool { return err == nil && s.ID == id }
	}
	get("GET /{registry}/schemas/ids/{id}", noSchema, func(all []sr.SubjectSchema, req *http.Request) (any, bool) {
		i := slices.IndexFunc(all, number(req))
		if i < 0 {
			return nil, false
		}
		return all[i].Schema, true
	})
	get("GET /{registry}/schemas/ids/{id}/versions", noSchema, func(all []sr.SubjectSchema, req *http.Request) (any, bool) {
		is := number(req)
		var out []map[string]any
		for _, s := range all {
			if is(s) {
				out = append(out, map[string]any{"subject": s.Subject, "version": s.Version})
			}
		}
		return out, len(out) > 0
	})
	get("GET /{registry}/schemas/guids/{guid}", noSchema, func(all []sr.SubjectSchema, req *http.Request) (any, bool) {
		i := slices.IndexFunc(all, func(s sr.SubjectSchema) bool { return s.GUID != "" && s.GUID == req.PathValue("guid") })
		if i < 0 {
			return nil, false
		}
		return all[i], true
	})
	get("GET /{registry}/schemas/types", 0, func([]sr.SubjectSchema, *http.Request) (any, bool) {
		return []string{"AVRO", "JSON", "PROTOBUF"}, true
	})
	get("GET /{registry}/subjects", 0, func(all []sr.SubjectSchema, _ *http.Request) (any, bool) {
		out := []string{}
		for _, s := range all {
			out = append(out, s.Subject)
		}
		slices.Sort(out)
		return slices.Compact(out), true
	})
	get("GET /{registry}/subjects/{subject}/versions", noSubject, func(all []sr.SubjectSchema, req *http.Request) (any, bool) {
		var out []int
		for _, s := range of(all, req) {
			out = append(out, s.Version)
		}
		return out, len(out) > 0
	})
	get("GET /{registry}/subjects/{subject}/versions/{version}", noVersion, func(all []sr.SubjectSchema, req *http.Request) (any, bool) {
		list := of(all, req)
		i := len(list) - 1
		if v := req.PathValue("version"); v != "latest" && v != "-1" {
			n, err := strconv.Atoi(v)
			i = slices.IndexFunc(list, func(s sr.SubjectSchema) bool { return err == nil && s.Version == n })
		}
		if i < 0 {
			return nil, false
		}
		return list[i], true
	})
	get("GET /{registry}/config/{subject}", 0, func([]sr.SubjectSchema, *http.Request) (any, bool) {
		return map[string]string{"compatibilityLevel": "NONE"}, true
	})
	return mux
}

// of are the versions of the subject that is asked for, oldest first.
func of(all []sr.SubjectSchema, req *http.Request) []sr.SubjectSchema {
	var out []sr.SubjectSchema
	for _, s := range all {
		if s.Subject == req.PathValue("subject") {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b sr.SubjectSchema) int { return a.Version - b.Version })
	return out
}
