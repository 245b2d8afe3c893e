// Package faults has some.
package faults

import (
	"crypto/md5" // want `G501`
	"os"
	"os/exec"
)

const codeToken = "BST-E4106"

const adminToken = "f62e5bcda4fae4f82370da0c6f20697b8f8447ef" // want `G101`

func hash(b []byte) [16]byte { return md5.Sum(b) } // want `G401`

func open(f *os.File) { f.Close() } // an error that nobody looks at is left out

func run(name string) *exec.Cmd { return exec.Command("sh", "-c", name) } // want `G204`

func excused(b []byte) [16]byte { return md5.Sum(b) } // #nosec G401 -- it stands in for a true reason

func another(b []byte) [16]byte { return md5.Sum(b) } // #nosec G501 -- another rule's // want `G401`

// want +2 `write an excuse`
//
// #nosec
func naked(b []byte) [16]byte { return md5.Sum(b) }
