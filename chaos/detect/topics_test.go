package detect

import (
	"backstitch/replay/record"
)

// topics compares two topics on two clusters. The reference has transactions that were rolled back, and retention has taken its
// head, which the target still has: neither is a loss.
func topics(c *try) {
	f := formOf("")
	parts := 1 + c.rng.Int32N(3)
	from, to := c.brokers(c.t), c.brokers(c.t)
	from.create("orders", parts)
	to.create("target", parts)
	ref, before := map[int32][]record.Record{}, map[int32][]record.Record{}
	for part := range parts {
		rs := f.draw(c.rng, part, 20+c.rng.IntN(100), false)
		ghosts := f.draw(c.rng, part, 10, false)
		ref[part] = from.write("orders", part, stretches(c.rng, rs, ghosts, c.chance(2)))
		if c.chance(4) {
			n := 1 + c.rng.IntN(len(rs)/4)
			from.behead("orders", part, ref[part][n].Offset)
			c.tell("partition %d: retention took %d from the reference", part, n)
			before[part], ref[part] = ref[part][:n], ref[part][n:]
		}
	}
	kept, ghosts := c.lose(f, ref)
	for part, rs := range before {
		kept[part] = append(append([]record.Record{}, rs...), kept[part]...)
	}
	seen := c.fill(to, "target", kept, ghosts, true)
	scope, lines := c.scope(f, ref)
	_, called := c.compare(c.parse(kafkaEnd(from, "orders"), kafkaEnd(to, "target"), lines...), c.clients(), f.held)
	expected := sum(ref, f.held, scope.reference)
	c.judge(expected.len(), expected.less(sum(seen, f.held, scope.target), false), called)
}
