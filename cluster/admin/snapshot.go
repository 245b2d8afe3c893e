package admin

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/storage"

	"github.com/danielgtaylor/huma/v2"
)

// Snapshots stream in both directions and are never held whole, so they are plain handlers; the OpenAPI document gets them by
// hand.

func (s *Server) snapshotRoutes(mux *http.ServeMux, api huma.API) {
	mux.HandleFunc("GET /v1/snapshot", s.saveSnapshot)
	mux.HandleFunc("POST /v1/snapshot", s.restoreSnapshot)
	stream := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "save-snapshot", Method: http.MethodGet, Path: "/v1/snapshot", Summary: "The book as one stream",
		Responses: map[string]*huma.Response{"200": {Description: "the stream", Content: stream}},
	})
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "restore-snapshot", Method: http.MethodPost, Path: "/v1/snapshot", Summary: "Replace the whole book by a snapshot",
		RequestBody: &huma.RequestBody{Required: true, Content: stream},
		Responses:   map[string]*huma.Response{"200": {Description: "what was restored"}},
	})
}

func (s *Server) saveSnapshot(w http.ResponseWriter, r *http.Request) {
	stream, meta, err := s.node.SaveSnapshot(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	defer stream.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(meta.Size, 10))
	w.Header().Set(client.HeaderIndex, strconv.FormatUint(meta.Index, 10))
	w.Header().Set(client.HeaderTerm, strconv.FormatUint(meta.Term, 10))
	if _, err := io.Copy(w, stream); err != nil {
		s.log.Warn("snapshot not sent whole", "err", err)
		panic(http.ErrAbortHandler) // a short stream must not look like a whole one
	}
}

func (s *Server) restoreSnapshot(w http.ResponseWriter, r *http.Request) {
	info, err := s.node.RestoreSnapshot(r.Context(), r.Body)
	switch {
	case errors.Is(err, fsm.ErrSnapshot), errors.Is(err, storage.ErrNewer):
		deny(w, invalid(err.Error(), "backstitch cluster snapshot verify FILE"))
		return
	case err != nil:
		s.fail(w, err)
		return
	}
	out := client.Restored{Index: info.Index}
	for _, kind := range info.Kinds {
		if kind.Name == "job" {
			out.Jobs = int(kind.Entries)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := writeJSON(w, out); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}

// fail writes an error of the node from a plain handler.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var p *problem
	if errors.As(s.failed(err), &p) {
		deny(w, p)
	}
}
