package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"context"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// maxTold bounds what a small request is answered with: no list here has more than a few things in it, and the description of the API is the longest.
const maxTold = 4 << 20

// FuzzRequests sends any query, body and login to any route of the table. Whatever comes, the server does not fall over, answers in time and within
// bounds, never calls a mistake of the caller its own, says of every refusal why in the form that clients know, and repeats no login.
func FuzzRequests(f *testing.F) {
	verbs := access.Verbs()
	for i, v := range verbs {
		e := examples[v.Name]
		_, query, _ := strings.Cut(fill(e[1]), "?")
		f.Add(uint8(i), query, "", []byte(fill(e[2])))
	}
	at := func(name string) uint8 {
		return uint8(slices.IndexFunc(verbs, func(v access.Verb) bool { return v.Name == name }))
	}
	for _, query := range []string{"index=7&wait=10ms", "index=18446744073709551615&wait=1h", "wait=-1s", "index=-1", "limit=0", "limit=1000&before=18446744073709551615", "job=%00", "cursor=AAAA", "a;b", "%zz", "namespace=*"} {
		for _, name := range []string{"list-jobs", "list-audit-records", "list-slices", "list-scans", "show-job", "can-i"} {
			f.Add(at(name), query, "", []byte{})
		}
	}
	for _, body := range []string{"", "null", "[]", "{}", "{\"reason\":1}", "{\"reason\":\"" + strings.Repeat("x", 5000) + "\"}", strings.Repeat("[", 20000), "{\"a\":1,\"a\":2}", "\xff", "{} {}", "1e400"} {
		for _, name := range []string{"submit-job", "submit-flow", "put-dataset", "submit-scan", "record-proof", "put-budget", "create-token", "install-gossip-key", "trigger-alertmanager", "restore-snapshot", "put-maintenance"} {
			f.Add(at(name), "", "", []byte(body))
		}
	}
	for _, login := range []string{"bst_", "bst_a_b", "Bearer", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a", 40000), "\x00"} {
		f.Add(at("list-jobs"), "", login, []byte{})
	}
	f.Add(at("bootstrap-access"), "", "iOi'00e3..", []byte("iOi'00e3..q"))
	d := opened(f)
	d.furnish(f, here, "a")
	f.Fuzz(func(t *testing.T, which uint8, query, login string, body []byte) {
		verb := verbs[int(which)%len(verbs)]
		e := examples[verb.Name]
		path, _, _ := strings.Cut(fill(e[1]), "?")
		req := httptest.NewRequest(e[0], path, strings.NewReader(string(body)))
		req.URL.RawQuery = query
		if len(body) > 0 {
			req.Header.Set("Content-Type", "application/json")
		}
		shown := d.root
		if login != "" {
			shown = login
		}
		req.Header["Authorization"] = []string{"Bearer " + shown}
		req.RemoteAddr = "192.0.2.1:1234"
		// Time stands still for this server, so one address may ask so often and not more.
		d.now = d.now.Add(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // what blocks for news has to end with whoever asks
		defer cancel()
		w := httptest.NewRecorder()
		began := time.Now()
		d.h.ServeHTTP(w, req.WithContext(ctx))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %s", verb.Name, took)
		}
		if w.Body.Len() > maxTold+len(body) {
			t.Errorf("%s: an answer of %d bytes", verb.Name, w.Body.Len())
		}
		if login != "" && len(login) >= 16 && strings.Contains(w.Body.String(), login) {
			t.Errorf("%s: the answer repeats the login: %.300s", verb.Name, w.Body)
		}
		if w.Code < 400 {
			return
		}
		var p client.Problem
		err := json.Unmarshal(w.Body.Bytes(), &p)
		if health := strings.HasPrefix(verb.Name, "health-"); !health && (err != nil || p.Code == "" || p.Title == "" || p.Status != w.Code || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s: %d in another form (%v, %s): %.300s", verb.Name, w.Code, err, w.Header().Get("Content-Type"), w.Body)
		}
		if w.Code == http.StatusInternalServerError || p.Code == client.CodeInternal {
			t.Errorf("%s?%s with %.200q: %d %.500s", verb.Name, url.QueryEscape(query), body, w.Code, w.Body)
		}
	})
}
