package fault

import (
	"fmt"
	"strings"
)

// Layers is a set of places where a fault can be injected.
type Layers uint8

// Layers, from the fastest to the most real.
const (
	Sim         Layers = 1 << iota // pure step functions on one goroutine
	Bubble                         // the wired cluster in virtual time
	RealProcess                    // agents as processes of this machine
	Staging                        // a cluster that runs somewhere else

	Anywhere = Sim | Bubble | RealProcess | Staging
)

var layerNames = map[Layers]string{Sim: "sim", Bubble: "bubble", RealProcess: "process", Staging: "staging"}

// Has says whether all of other are in l.
func (l Layers) Has(other Layers) bool { return l&other == other }

// Each lists the single layers of l, in order.
func (l Layers) Each() []Layers {
	var out []Layers
	for one := Sim; one <= Staging; one <<= 1 {
		if l.Has(one) {
			out = append(out, one)
		}
	}
	return out
}

// Names lists the layers by name.
func (l Layers) Names() []string {
	var out []string
	for _, one := range l.Each() {
		out = append(out, layerNames[one])
	}
	return out
}

// String lists the layers, "nowhere" for none.
func (l Layers) String() string {
	if l == 0 {
		return "nowhere"
	}
	return strings.Join(l.Names(), ", ")
}

// ParseLayer reads one name.
func ParseLayer(name string) (Layers, error) {
	for one, text := range layerNames {
		if text == name {
			return one, nil
		}
	}
	return 0, fmt.Errorf("there is no layer %q: want one of %s", name, Anywhere)
}
