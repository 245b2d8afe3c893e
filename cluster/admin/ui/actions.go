package ui

import (
	"net/http"
	"net/url"
	"strings"

	"backstitch/cluster/client"
)

// maxForm bounds what a form may send, in bytes.
const maxForm = 64 << 10

// doneParam is the parameter of an address by which a page says that a form has done what it should.
const doneParam = "done"

// change makes a handler of a form. What it has done is shown by the page that it leads to.
func (s *server) change(f func(*visit) (back string, err error)) http.HandlerFunc {
	return s.visit(func(v *visit) error {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return badForm(err)
		}
		back, err := f(v)
		if err != nil {
			return err
		}
		verb := v.r.URL.Path[strings.LastIndexByte(v.r.URL.Path, '/')+1:]
		http.Redirect(v.w, v.r, back+"?"+url.Values{doneParam: {verb}}.Encode(), http.StatusSeeOther)
		return nil
	})
}

// badForm is the error of what a person has typed.
func badForm(err error) error {
	return &client.Error{Problem: client.Problem{
		Title: "the form can not be taken", Status: http.StatusUnprocessableEntity, Code: client.CodeInvalid, Detail: err.Error(), Next: "go back, and correct it",
	}}
}

// reason is why, for the audit trail.
func (v *visit) reason() string { return v.r.PostFormValue("reason") }

// requested is what pages say after a form. The book has it; what becomes of it, the page shows as it happens.
var requested = map[string]string{
	"pause": "Pause requested.", "resume": "Resumed.", "cancel": "Cancelled.", "retry": "Taken up again.", "throttle": "The bound is in the book, and holds within two seconds.",
	"priority": "The priority is in the book.", "approve": "Your yes is in the book.", "reject": "Rejected.", "drain": "Draining.", "uncordon": "It may take work again.", "settings": "Saved.",
	"scan":    "A scan of each target runs. What it finds is shown here once it has ended.",
	"discard": "Given up. Nothing else changes: the target has them no more than before, and the proof says the same.", "restore": "Open again.",
}

func (v *visit) done() string { return requested[v.r.URL.Query().Get(doneParam)] }
