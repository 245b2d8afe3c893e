package main

import (
	"testing"

	"github.com/securego/gosec/v2/goanalysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

func TestFaultsAreFound(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), scoped(goanalysis.Analyzer), "faults")
}

func TestWhatTestsAreMadeOfIsAskedLess(t *testing.T) {
	for file, want := range map[string]bool{"/a/cluster/node.go": true, "/a/cluster/node_test.go": false, "/a/chaos/fault/fault.go": false, "/a/cluster/chaos.go": true} {
		if got := asked("G404", file); got != want {
			t.Errorf("%s: asked for G404 %t, want %t", file, got, want)
		}
		if !asked("G402", file) {
			t.Errorf("%s: not asked for G402", file)
		}
	}
}
