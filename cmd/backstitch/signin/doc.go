// Package signin is how the command line signs in with an identity provider, and where it keeps the login.
//
// Invariants:
//   - A login is kept in a file that its owner alone reads, and is shown to the addresses alone for which somebody has signed in: another cluster that
//     is named by mistake is not shown it.
//   - What a node says about the provider is an address and a client. The provider is asked over TLS, or on this machine, and what it signs is checked
//     before it is kept; whether it lets anybody in, the node decides.
//   - No error has any of a login.
//
// Not here: commands and what they print (cmd/backstitch), whether a login is good (cluster/access/login).
//
// Reading order: file.go, provider.go, browser.go.
package signin
