package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzProblem reads refusals of whoever listens at an address, which need not be a node: they have a title, a code and a status, and a bound.
func FuzzProblem(f *testing.F) {
	f.Add(404, []byte(`{"title":"no such job","status":404,"code":"BST-E1002","detail":"job x","next":"backstitch status"}`))
	f.Add(502, []byte("<html><body>Bad Gateway</body></html>"))
	f.Add(400, []byte(`{"title":"","status":200}`))
	f.Add(500, []byte(`{"title":"x","status":200,"code":"OTHER"}`))
	f.Add(403, bytes.Repeat([]byte{0xff}, 4096))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := problem("https://n:7420", &http.Response{StatusCode: status, Status: "status", Body: io.NopCloser(bytes.NewReader(body))})
		if e.Title == "" || e.Code == "" || e.Status != status || e.Error() == "" {
			t.Errorf("got %+v", e)
		}
		if !json.Valid(body) && len(e.Detail) > 200 {
			t.Errorf("a detail of %d bytes of what is no answer of ours", len(e.Detail))
		}
		_ = repeatable(context.Background(), request{}, e)
		var same *Error
		if !errors.As(error(e), &same) || strings.Contains(e.Code, "\x00") && !bytes.Contains(body, []byte(`\u0000`)) {
			t.Errorf("got %+v", e)
		}
	})
}
