package scenario

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"backstitch/chaos/fault"
)

//go:embed library/*.yaml
var files embed.FS

// Library returns the stories that come with the program, by name.
func Library() []Scenario { return slices.Clone(library()) }

// A file of the library that can not be read is a broken build, and a test says so before anybody meets the panic.
var library = sync.OnceValue(func() []Scenario {
	entries, err := files.ReadDir("library")
	if err != nil {
		panic(err)
	}
	var out []Scenario
	for _, entry := range entries {
		data, err := files.ReadFile("library/" + entry.Name())
		if err != nil {
			panic(err)
		}
		s, err := Parse(entry.Name(), data)
		if err != nil {
			panic(err)
		}
		out = append(out, s)
	}
	return out
})

// Find returns the scenario of that name, of the library or of the matrix.
func Find(name string) (Scenario, error) {
	for _, list := range [][]Scenario{library(), Matrix()} {
		if i := slices.IndexFunc(list, func(s Scenario) bool { return s.Name == name }); i >= 0 {
			return list[i], nil
		}
	}
	var names []string
	for _, s := range library() {
		if strings.Contains(s.Name, name) || s.Story == name {
			names = append(names, s.Name)
		}
	}
	if len(names) > 0 {
		return Scenario{}, fmt.Errorf("there is no scenario %s; there is %s", name, strings.Join(names, ", "))
	}
	return Scenario{}, fmt.Errorf("there is no scenario %s", name)
}

// Filter keeps those that run in all of layers and whose name matches. A nil pattern matches every name.
func Filter(list []Scenario, layers fault.Layers, name *regexp.Regexp) []Scenario {
	var out []Scenario
	for _, s := range list {
		if s.Layers.Has(layers) && (name == nil || name.MatchString(s.Name)) {
			out = append(out, s)
		}
	}
	return out
}
