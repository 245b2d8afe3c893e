package admin

import (
	"net/http"
	"runtime"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// maxStacks bounds a dump of all goroutines, in bytes. One goroutine takes about a kilobyte.
const maxStacks = 8 << 20

// stackRoutes let a node say what each of its goroutines is doing. It is for a node that hangs, of which a debugger would take the lease.
func (s *Server) stackRoutes(mux *http.ServeMux, api huma.API) {
	var one sync.Mutex // the program stands still meanwhile, so nobody makes it stand still twice over
	mux.HandleFunc("GET /v1/node/stacks", func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		text := stacks()
		one.Unlock()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if _, err := w.Write(text); err != nil {
			s.log.Debug("answer not sent", "err", err)
		}
	})
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "show-stacks", Method: http.MethodGet, Path: "/v1/node/stacks", Summary: "What each goroutine of this node is doing, as text",
		Responses: map[string]*huma.Response{"200": {Description: "as the Go runtime prints it, cut at 8 MiB"}},
	})
}

func stacks() []byte {
	for size := 256 << 10; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, true); n < size || size >= maxStacks {
			return text[:n]
		}
	}
}
