package bubble

import (
	"fmt"
	"time"

	"backstitch/chaos/check"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// What is looked at while the run goes on, because it can not be seen any more in the end: a checkpoint that was ahead of the data
// for half a second, and digests of one index on nodes that came there at different times. The broker is asked past its network, in
// the same moment of virtual time as the book, so nothing can happen between the two.

const watchEvery = 200 * time.Millisecond

// watch keeps what was seen.
type watch struct {
	due     time.Time
	steps   []check.Step
	digests []check.Digest
	told    map[string]uint64           // index of the newest digest of each member
	seen    map[partition.Lane]progress // what the newest steps said
	applied uint64                      // index of the newest book that was looked at
}

// progress is how far a lane is: in the target, and as the book says.
type progress struct{ committed, saved int64 }

// look takes a look when it is time.
func (w *world) look(now time.Time) {
	if now.Before(w.watch.due) {
		return
	}
	w.watch.due = now.Add(watchEvery)
	var newest *fsm.View
	cluster := ""
	for _, a := range w.agents {
		if !a.m.Running() {
			continue
		}
		v, err := a.m.Node.View()
		if err != nil {
			continue // it is starting or ending
		}
		w.watch.digest(a.m, v)
		if newest == nil || v.Applied() > newest.Applied() {
			v, newest = newest, v
		}
		if v != nil {
			_ = v.Close()
		}
		if id := a.m.Node.ClusterID(); id != "" {
			cluster = id
		}
	}
	if newest == nil {
		return
	}
	defer newest.Close()
	// Books of nodes that are behind say what was once true. It was compared then.
	if newest.Applied() > w.watch.applied {
		w.watch.applied = newest.Applied()
		w.progress(newest, cluster)
	}
}

func (k *watch) digest(m *clustertest.Member, v *fsm.View) {
	if index := v.Applied(); index > k.told[m.Name] {
		k.told[m.Name] = index
		k.digests = append(k.digests, check.Digest{Member: m.Name, Index: index, Sum: v.Digest()})
	}
}

// progress notes what the book says about each lane that moves, and what the target has of it.
func (w *world) progress(v *fsm.View, cluster string) {
	for _, j := range w.jobs {
		saved := map[int32]int64{}
		for i := range j.slices {
			s := &j.slices[i]
			if s.Kind != partition.SliceFill {
				continue
			}
			st, ok, err := v.SliceState(s.ID)
			if err != nil || !ok || st.Checkpoint.Cursor <= s.Ranges[0].From {
				continue // nothing is claimed
			}
			saved[s.Partition] = max(saved[s.Partition], int64(st.Checkpoint.Cursor))
		}
		for part, cursor := range saved {
			lane := partition.Lane{Job: j.id, Partition: part}
			before := w.watch.seen[lane]
			if cursor == before.saved {
				continue
			}
			committed := w.committed(cluster, lane)
			if w.shelf != nil {
				committed = w.shelved(lane)
			}
			now := progress{committed: committed, saved: cursor}
			name := fmt.Sprintf("%s/%d", j.id, part)
			if now.committed >= 0 {
				w.watch.steps = append(w.watch.steps, check.Step{Slice: name, Cursor: now.committed})
			}
			w.watch.steps = append(w.watch.steps, check.Step{Slice: name, Checkpoint: true, Cursor: cursor})
			w.watch.seen[lane] = now
		}
	}
}

// committed is the progress that is visible together with the data of a lane, -1 for none. The name of the group is part of what the
// program promises to operators.
func (w *world) committed(cluster string, l partition.Lane) int64 {
	g := w.kafka.Cluster.GroupInfo(fmt.Sprintf("backstitch/%s/%s/%d", cluster, l.Job, l.Partition))
	if g == nil {
		return -1
	}
	if c, ok := g.Commits[target][l.Partition]; ok {
		return c.Offset
	}
	return -1
}

// shelved is the same of an object store.
func (w *world) shelved(l partition.Lane) int64 {
	at, err := check.Committed(w.ctx, w.shelf, target, string(l.Job), l.Partition)
	if err != nil {
		w.violate("%v", err)
		return -1
	}
	return at
}
