package sandbox

import (
	"net/http"
	"sync/atomic"
)

// Requests is what the object store was asked since it is up.
type Requests struct {
	Get      int64 `json:"get"` // objects, and their heads
	List     int64 `json:"list"`
	Put      int64 `json:"put"`
	Other    int64 `json:"other"`
	BytesOut int64 `json:"bytesOut"` // of answers' bodies
}

// Minus is what was asked between two moments.
func (r Requests) Minus(before Requests) Requests {
	return Requests{r.Get - before.Get, r.List - before.List, r.Put - before.Put, r.Other - before.Other, r.BytesOut - before.BytesOut}
}

// counter counts what goes to the object store.
type counter struct {
	get, list, put, other, bytes atomic.Int64
}

func (c *counter) requests() Requests {
	return Requests{c.get.Load(), c.list.Load(), c.put.Load(), c.other.Load(), c.bytes.Load()}
}

func (c *counter) over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && (r.URL.Query().Has("list-type") || r.URL.Query().Has("prefix") || r.URL.Query().Has("versions")):
			c.list.Add(1)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			c.get.Add(1)
		case r.Method == http.MethodPut || r.Method == http.MethodPost:
			c.put.Add(1)
		default:
			c.other.Add(1)
		}
		next.ServeHTTP(&countedWriter{ResponseWriter: w, bytes: &c.bytes}, r)
	})
}

type countedWriter struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (w *countedWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes.Add(int64(n))
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
