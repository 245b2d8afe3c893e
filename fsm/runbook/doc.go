// Package runbook says which page of deploy/runbooks a person reads about an alert or a kind of finding.
//
// Invariants:
//   - Each kind of finding and each alert that the program or deploy/alerts raises has a page, and each page is of one of them.
//   - A page is named by its path in the repository; only who runs a cluster knows under which address that is served.
//
// What is not here: what the kinds mean (replay/gap), who raises the alerts (cluster/notify, deploy/alerts). They know this package and
// it knows none of them, so the names are plain words here and tests compare them with theirs.
package runbook
