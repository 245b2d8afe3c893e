package door

import (
	"io"
	"net/http"
	"time"
)

// A deadline of the connection is moved on whenever something moves. It is taken away when a body was read: the server goes on reading the
// connection to see whether its client goes away, and a deadline there would end a request that is being served.

// moving makes a request and its answer end when they stall.
func (d *Door) moving(w http.ResponseWriter, r *http.Request) (*answer, *http.Request) {
	control := http.NewResponseController(w)
	if r.Body != nil && r.Body != http.NoBody {
		in := *r
		in.Body = &body{r.Body, control, d}
		r = &in
	}
	_ = control.SetWriteDeadline(time.Time{}) // that of the request before, on this connection; a writer without deadlines has none to take away
	return &answer{ResponseWriter: w, control: control, door: d}, r
}

// body is what a client sends.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	door    *Door
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.door.cfg.Clock().Add(b.door.cfg.Stall))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *body) Close() error {
	_ = b.control.SetReadDeadline(time.Time{})
	return b.ReadCloser.Close()
}

// answer is what a client takes.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	door    *Door
	status  int // the first, 0 before there is one
}

// WriteHeader is http.ResponseWriter's.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	_ = a.control.SetWriteDeadline(a.door.cfg.Clock().Add(a.door.cfg.Stall))
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
