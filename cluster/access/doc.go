// Package access says who is on the other end of a connection, and what he may do: certificates, the private CA for people who have none,
// tokens, and the table of what each request needs.
//
// Invariants:
//   - TLS 1.3 on every door, certificates on both ends. A certificate names one thing in one cluster, as a URI:
//     backstitch://CLUSTER/node/NAME or backstitch://CLUSTER/client/NAME. Common names and DNS names decide nothing.
//   - Being signed by the CA is not enough. A door says which kind it wants, and the port of Raft and RPC wants nodes of the
//     same cluster.
//   - Files are read again when they change, so certificates are rotated without a restart. Files that are not usable are
//     reported, and the last good ones stay in use.
//   - A token's text is printed by Token.Reveal alone. The book has a hash, and everything else speaks of the accessor.
//   - What is not in the table of verbs is not allowed, and a role is looked for in the namespace that the table names.
//
// Not here: whether a login of an identity provider is good (cluster/access/login), which namespace an object is in and the routes (cluster/admin), policies and tokens as facts (fsm), gossip keys in use
// (cluster/member), the connections (cluster).
//
// Reading order: subject.go, files.go, ca.go, token.go, verbs.go, identity.go.
package access
