package notify

import "net/url"

// What others who call strangers for the cluster (cluster/conductor) have in common with this package: where secrets come from, and over what
// they travel.

// Secret reads the secret that a reference names: env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in dir, which is "" for none.
func Secret(env func(name string) (string, bool), dir, ref string) (string, error) {
	return secrets{env, dir}.token(ref)
}

// Plain reports whether anybody on the way could read a secret that is sent to u.
func Plain(u *url.URL) bool { return u.Scheme != "https" && !loopback(u.Hostname()) }

// Bare takes the URL out of a client's error: its query may hold a secret, and reasons go into the book.
func Bare(err error) error { return bare(err) }
