package recovery

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/schema"
)

// Records that are written under the target's names of schemas (spec.target.kafka.schemas: remap). While the reference is read its registry says
// what its names stand for, and the target's which name it has for the same. Renaming lies right over what is opened, so comparing, choosing a
// partition, telling repetitions, writing and proving see what is written. A plan pins the names; who carries it out asks nobody, and a record
// that names what the plan has not met is set aside. The trap: one schema may have several numbers in a registry, and records of the
// target may have any of them. So what is there is told by what names stand for, with the names that were pinned, and never by bytes.

// Names is what schemas of the reference are called in the target.
type Names struct {
	Source  string  `json:"source"` // registries; nobody asks them who carries a plan out
	Target  string  `json:"target"`
	Keys    bool    `json:"keys,omitempty"` // keys begin with names
	Schemas []Named `json:"schemas,omitempty"`
	// Others are further names that the target's registry has for the same schemas.
	Others []OtherName `json:"others,omitempty"`
}

// Named is one schema.
type Named struct {
	From    string `json:"from"`              // number or GUID in the reference
	To      string `json:"to"`                // and in the target
	Print   string `json:"print"`             // what it says: schema.PrintText
	Subject string `json:"subject,omitempty"` // SUBJECT@VERSION that the target's registry has it under; "" where it was asked by name alone
}

// OtherName is a name of the target's registry.
type OtherName struct {
	Name  string `json:"name"`
	Print string `json:"print"`
}

// Changed is how many of the names are others in the target.
func (n *Names) Changed() (out int) {
	for _, s := range n.Schemas {
		if s.From != s.To {
			out++
		}
	}
	return out
}

// String names n for people: Schemas remapped from registry west to registry east, 3 names of which 2 change.
func (n *Names) String() string {
	return fmt.Sprintf("Schemas remapped from registry %s to registry %s: %s, of which %d change", n.Source, n.Target, plural(len(n.Schemas), "name"), n.Changed())
}

// fewNames is how many are printed one by one unless all are wanted.
const fewNames = 5

// write prints the names, those that change first.
func (n *Names) write(w io.Writer, all bool) {
	list := slices.Clone(n.Schemas)
	slices.SortStableFunc(list, func(a, b Named) int { return cmp.Compare(same(a), same(b)) })
	if !all {
		list = slices.DeleteFunc(list, func(s Named) bool { return s.From == s.To })
	}
	for i, s := range list {
		if i == fewNames && !all {
			fmt.Fprintf(w, "  and %d more (--all to print)\n", len(list)-fewNames)
			return
		}
		fmt.Fprintf(w, "  schema %s -> %-6s %s\n", s.From, s.To, s.Subject)
	}
}

func same(s Named) int {
	if s.From == s.To {
		return 1
	}
	return 0
}

// table is n, ready for use; nil for nil.
func (n *Names) table() (*rename.Table, error) {
	if n == nil {
		return nil, nil
	}
	out := &rename.Table{Framed: n.Keys, Entries: map[record.SchemaName]rename.Entry{}, Others: map[record.SchemaName]record.Print{}}
	for _, s := range n.Schemas {
		from, err := schema.ParseName(s.From)
		to, terr := schema.ParseName(s.To)
		print, perr := schema.ParsePrint(s.Print)
		if err := errors.Join(err, terr, perr); err != nil {
			return nil, fmt.Errorf("names of schemas: %w", err)
		}
		out.Entries[from] = rename.Entry{To: to, Print: print}
	}
	for _, o := range n.Others {
		name, err := schema.ParseName(o.Name)
		print, perr := schema.ParsePrint(o.Print)
		if err := errors.Join(err, perr); err != nil {
			return nil, fmt.Errorf("names of schemas: %w", err)
		}
		out.Others[name] = print
	}
	return out, nil
}

// Frames is how records of the recipe's two sides are compared: nil where every part is the bytes that it is.
func (r *Recipe) Frames() (*record.Frames, error) {
	t, err := r.Source.Names.table()
	return t.Frames(), err
}
