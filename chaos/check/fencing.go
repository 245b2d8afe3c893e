package check

import (
	"fmt"
	"maps"
	"slices"
)

// Fencing looks at who wrote the refilled records of each lane (job and partition), in the order of the log. Once a successor has
// written, nothing of an earlier owner may follow, and one producer's epochs only rise. takeovers counts the changes of owner: a
// run in which an owner was fenced has to have some, else it has shown nothing.
func Fencing(seen Log) (found Findings, takeovers int, err error) {
	if err := seen.fit(); err != nil {
		return nil, 0, err
	}
	type writer struct {
		id    int64
		epoch int16
	}
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		now := map[string]writer{}
		gone := map[string]map[writer]bool{}
		for _, r := range seen[p].Records {
			if !r.Refilled {
				continue
			}
			if r.ProducerID < 0 {
				return nil, 0, unfit("partition %d offset %d: a refilled record without a producer id", p, r.Offset)
			}
			w, before := writer{r.ProducerID, r.ProducerEpoch}, now[r.Job]
			if gone[r.Job] == nil {
				gone[r.Job], now[r.Job] = map[writer]bool{}, w
				continue
			}
			if w == before {
				continue
			}
			where := fmt.Sprintf("partition %d offset %d", p, r.Offset)
			switch {
			case gone[r.Job][w]:
				found.add(Fenced, where, "producer %d epoch %d of %s writes after its successor %d epoch %d", w.id, w.epoch, r.Job, before.id, before.epoch)
			case w.id == before.id && w.epoch < before.epoch:
				found.add(Fenced, where, "producer %d epoch %d of %s writes after epoch %d", w.id, w.epoch, r.Job, before.epoch)
			default:
				takeovers++
				gone[r.Job][before] = true
				now[r.Job] = w
			}
		}
	}
	return found, takeovers, nil
}
