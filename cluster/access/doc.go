// Package access says who is on the other end of a connection: certificates, the private CA for people who have none, and the
// check of what a certificate may do.
//
// Invariants:
//   - TLS 1.3 on every door, certificates on both ends. A certificate names one thing in one cluster, as a URI:
//     backstitch://CLUSTER/node/NAME or backstitch://CLUSTER/client/NAME. Common names and DNS names decide nothing.
//   - Being signed by the CA is not enough. A door says which kind it wants, and the port of Raft and RPC wants nodes of the
//     same cluster.
//   - Files are read again when they change, so certificates are rotated without a restart. Files that are not usable are
//     reported, and the last good ones stay in use.
//
// Not here: what a person may do (roles are an issue of their own), gossip keys in use (cluster/member), the connections
// (cluster).
//
// Reading order: subject.go, files.go, ca.go.
package access
