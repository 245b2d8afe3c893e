package ui

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"backstitch/cluster/client"
)

// visit is one request for a page.
type visit struct {
	*server
	w http.ResponseWriter
	r *http.Request
	c *client.Client
}

// page is what every template gets.
type page struct {
	Title string
	Here  string // which link of the navigation it is below
	URL   string // of the page itself
	Theme string
	Zone  string // of all times of the page
	Query string // what was searched for
	Done  string // what a form has done
	Nodes string // origins of the other nodes, by blanks
	Live  bool   // whether it follows what happens
	Body  any
}

// errNoPage says that there is no page of that address.
var errNoPage = &client.Error{Problem: client.Problem{
	Title: "there is no such page", Status: http.StatusNotFound, Code: client.CodeNotFound, Next: "begin at /ui/",
}}

// visit makes a handler of a page.
func (s *server) visit(f func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.ask(r)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		defer c.Close()
		if err := f(&visit{s, w, r, c}); err != nil && r.Context().Err() == nil {
			s.failed(w, r, err)
		}
	}
}

// show renders a page. An error is that of a template, and nothing was sent.
func (v *visit) show(name, title, here string, live bool, body any) error {
	nodes := v.elsewhere()
	if nodes != "" {
		v.w.Header().Set("Content-Security-Policy", policy(" "+nodes))
	}
	return v.render(v.w, http.StatusOK, name, page{
		Title: title, Here: here, URL: v.r.URL.RequestURI(), Theme: theme(v.r), Zone: zone(v.r).String(), Query: v.r.URL.Query().Get("q"), Done: v.done(), Nodes: nodes,
		Live: live, Body: body,
	})
}

func (s *server) render(w http.ResponseWriter, status int, name string, p page) error {
	pages, err := s.in(p.Zone)
	if err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := out.WriteTo(w); err != nil {
		s.Logger.Debug("page not sent", "err", err)
	}
	return nil
}

// failed shows an error as the command line does: what, why, what next.
func (s *server) failed(w http.ResponseWriter, r *http.Request, err error) {
	if unknown(err) && r.Method == http.MethodGet {
		if s.SignIn != nil && tokenOf(r).IsLogin() && visits(r) {
			http.Redirect(w, r, Prefix+"login/begin?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
			return
		}
		http.Redirect(w, r, Prefix+"login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	}
	p := client.Problem{Title: "this page could not be made", Status: http.StatusInternalServerError, Code: client.CodeInternal, Detail: err.Error()}
	var e *client.Error
	if errors.As(err, &e) {
		p = e.Problem
		if p.Status < 400 {
			p.Status = http.StatusBadGateway
		}
	} else {
		s.Logger.Error("page failed", "path", r.URL.Path, "err", err)
	}
	if err := s.render(w, p.Status, "problem.html", page{Title: p.Title, URL: r.URL.RequestURI(), Theme: theme(r), Zone: zone(r).String(), Body: p}); err != nil {
		s.Logger.Error("page failed", "path", r.URL.Path, "err", err)
		http.Error(w, p.Code+": "+p.Title, p.Status)
	}
}

// elsewhere are the origins of the other nodes. Without them a page stays where it is when its node dies, and that is no reason not to show it.
func (v *visit) elsewhere() string {
	members, err := v.c.Members(v.r.Context())
	if err != nil {
		return ""
	}
	scheme := "http://"
	if v.r.TLS != nil {
		scheme = "https://"
	}
	var out []string
	for _, m := range members {
		u, err := url.Parse(scheme + m.APIAddr)
		if err == nil && m.APIAddr != "" && m.State != "left" && u.Host == m.APIAddr && u.Host != v.r.Host && !strings.ContainsAny(u.Host, " ;,*'") {
			out = append(out, scheme+u.Host)
		}
	}
	return strings.Join(out, " ")
}

// pageRows is how many rows a list shows at a time.
const pageRows = 50

// Paging says which rows a list shows.
type Paging struct {
	First, Last, All int
	Before, After    string // addresses, "" where there are none
}

// cut returns the rows that the address asks for.
func cut[T any](v *visit, all []T) ([]T, Paging) {
	n, _ := strconv.Atoi(v.r.URL.Query().Get("page"))
	n = max(0, min(n, (len(all)-1)/pageRows))
	first, last := n*pageRows, min((n+1)*pageRows, len(all))
	p := Paging{First: min(first+1, last), Last: last, All: len(all)}
	if n > 0 {
		p.Before = v.with("page", strconv.Itoa(n-1))
	}
	if last < len(all) {
		p.After = v.with("page", strconv.Itoa(n+1))
	}
	return all[first:last], p
}

// with is the address of this page with one parameter changed; "" takes it away.
func (v *visit) with(name, value string) string {
	q := v.r.URL.Query()
	q.Del(doneParam)
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return v.r.URL.Path
	}
	return v.r.URL.Path + "?" + q.Encode()
}

// address is that of a page below names.
func address(names ...string) string {
	out := "/ui"
	for _, n := range names {
		out += "/" + url.PathEscape(n)
	}
	return out
}
