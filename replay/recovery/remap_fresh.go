package recovery

import (
	"context"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// names asks the target's registry once more for all that records will be written under and compared by. A number is for ever, but a registry
// may have been made anew, or another one may answer at its address.
func (e *StaleError) names(ctx context.Context, p *Plan, clients Clients) error {
	n := p.Recipe.Source.Names
	if n == nil {
		return nil
	}
	reg, err := clients.Registry(n.Target)
	if err != nil {
		return err
	}
	defer reg.Close()
	table, err := n.table()
	if err != nil {
		return err
	}
	ask := func(name record.SchemaName, print record.Print) error {
		said, err := reg.Says(ctx, name, print)
		if err == nil && !said {
			e.add("%s of registry %s is not the schema that the plan saw (%s).", name, n.Target, schema.PrintText(print)[:8])
		}
		return err
	}
	for _, s := range n.Schemas {
		from, err := schema.ParseName(s.From)
		if err != nil {
			return err
		}
		entry := table.Entries[from]
		if err := ask(entry.To, entry.Print); err != nil {
			return fmt.Errorf("ask for names of schemas again: %w", err)
		}
	}
	for _, o := range n.Others {
		name, err := schema.ParseName(o.Name)
		if err != nil {
			return err
		}
		if err := ask(name, table.Others[name]); err != nil {
			return fmt.Errorf("ask for names of schemas again: %w", err)
		}
	}
	return nil
}
