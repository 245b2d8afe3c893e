package ui

import "net/http"

// policy is what a browser may do with a page: run, draw and ask for what this node serves, and nothing else. Forms go nowhere else, and no other
// page may hold this one in a frame. connect is where a page looks for another node when this one is gone.
func policy(connect string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'" + connect +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// reportPolicy is that of a report, which is one file that has its looks within and runs nothing.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded sets what holds for all answers, and refuses forms that another site has sent with a visitor's browser.
func guarded(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy(""))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
