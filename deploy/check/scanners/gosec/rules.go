package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// everywhere are the rules that are left out of all code.
var everywhere = []struct{ rule, why string }{
	{"G104", "an error that nobody looks at: all it finds is closing what was read or has failed, writing to a hash, and answers to who is gone"},
	{"G115", "a conversion that may not fit: it does not see the bounds that decoders, schemas of the API and parsers of specs hold, and formats that turn signs around on purpose"},
	{"G304", "a file whose name is a variable: the program opens what its operator names, with its operator's rights"},
}

// rehearsed are the rules that are left out of tests and of what only tests, benchmarks and generators of data are made of: seeds are drawn
// so that a run can be had again, children are this program, their files are for whoever looks into a failure, and their cookies are of requests.
var rehearsed = []string{"G101", "G107", "G122", "G124", "G204", "G301", "G302", "G306", "G401", "G404", "G501", "G505", "G602", "G702", "G703", "G710"}

// stages are the packages of which that is so, beside _test.go files.
var stages = []string{"chaos", "replay/bench", "replay/synth", "replay/replaytest", "replay/foreign/foreigntest", "replay/schema/schematest", "replay/klog/klogtest", "cluster/access/login/logintest", "storage/storagetest", "cluster/clustertest"}

func left() (out []string) {
	for _, e := range everywhere {
		out = append(out, e.rule)
	}
	return out
}

// asked reports whether a rule is asked of a file.
func asked(rule, file string) bool {
	return !slices.Contains(rehearsed, rule) || !staged(filepath.ToSlash(file))
}

func staged(file string) bool {
	if strings.HasSuffix(file, "_test.go") {
		return true
	}
	return slices.ContainsFunc(stages, func(s string) bool { return strings.Contains(file, "/"+s+"/") })
}
