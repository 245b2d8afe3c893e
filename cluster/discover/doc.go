// Package discover finds the gossip addresses of other nodes where nobody has written them down: as SRV records of DNS, or as the addresses of
// running instances of a cloud that have a tag. An entry of cluster.retryJoin is an address, dns+srv://NAME, or provider=aws with a tag.
//
// Invariants:
//   - What is found is a hint, like everything of gossip: who belongs to the cluster is decided by certificates, keys and the book.
//   - Nothing found is kept for good: every try asks anew. Only a cloud is asked at most every 15 s, and less often while it refuses, for its API is shared
//     by the whole account; in between its last answer stands.
//   - A lookup is bounded: in time, in what is read, and in addresses (MaxAddrs). The addresses kept are the first in order, so that all nodes keep the same.
//   - An entry that can never work is refused by Parse, before anything runs. One that does not work now is an *Error that names the entry, says why and
//     what to do; the next try may succeed.
//   - No secret is in an entry. The cloud's come from where its own tools find them.
//
// Not here: meeting the nodes, and when to look (cluster/member).
//
// Reading order: entry.go, finder.go, srv.go, aws.go, endpoint.go, answer.go.
package discover
