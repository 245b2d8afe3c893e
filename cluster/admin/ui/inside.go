package ui

import (
	"bytes"
	"io"
	"net"
	"net/http"

	"backstitch/cluster/client"
)

// inside carries requests of a page to the API of the same process, as if the visitor had sent them: from where it came, with its certificate and
// its token.
type inside struct {
	api     http.Handler
	visitor *http.Request
}

// RoundTrip is http.RoundTripper's. The answer is whole when it returns.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RemoteAddr, in.TLS, in.RequestURI = i.visitor.RemoteAddr, i.visitor.TLS, r.URL.RequestURI()
	if token := tokenOf(i.visitor); !token.IsZero() {
		in.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &kept{header: http.Header{}, status: http.StatusOK}
	i.api.ServeHTTP(w, in)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// kept is an answer in memory.
type kept struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) {
	if !k.wrote {
		k.status, k.wrote = status, true
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.wrote = true
	return k.body.Write(b)
}

// ask is a client of the API for one visitor.
func (s *server) ask(r *http.Request) (*client.Client, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	cfg := client.DefaultConfig()
	cfg.Addresses, cfg.Transport, cfg.Retry, cfg.Actor = []string{"inside:1"}, inside{s.API, r}, 0, "web@"+host
	return client.New(cfg)
}
