// Package login knows people by what an OpenID Connect provider has signed for them: it finds out whether a login is good, whom it speaks for and
// which roles its groups give, and it lets browsers sign in by authorization code with PKCE.
//
// Invariants:
//   - A login is good only if one of the provider's present keys has signed it, with an algorithm that the configuration names (RS256, ES256), for a
//     client of this cluster, by this issuer, and now. What it says of itself chooses none of these.
//   - The provider is asked at addresses that the endpoint guard allows (cluster/notify), over TLS or on this machine, within a time, and no more
//     of an answer is read than a bound.
//   - Strangers can not make a node ask the provider more often than once in a pause.
//   - Keys that the provider has withdrawn are forgotten, and new ones found, without a restart.
//   - No error and no log line has any of a login.
//
// Not here: what a role may do and who is asked (cluster/access, cluster/admin), pages and cookies (cluster/admin/ui), how a command line signs in (cmd).
//
// Reading order: config.go, provider.go, keys.go, browser.go.
package login
