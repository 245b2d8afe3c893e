// Package packages holds what a machine gets to its promises: how little the service may do, and what lies where in the packages.
//
// It needs systemd-analyze and what make packages leaves in bin/packages; make test-deploy sees to both. A test that lacks one fails.
//
// Not here: that the service and the program fit each other (cmd/backstitch).
package packages
