package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/verify"
	"backstitch/storage/spill"
)

// jobWork is what a comparison needs to know about a job. It comes from the book, or from the plan that the job was made of.
type jobWork struct {
	id      partition.JobID
	plan    [32]byte
	cluster string
	recipe  recovery.Recipe
	raw     []byte // the recipe
	slices  []partition.Slice
	aside   map[int32]partition.Ranges // what is in quarantine
}

// fetchWork asks the cluster.
func fetchWork(ctx context.Context, c *client.Client, id string) (jobWork, error) {
	work, err := c.Work(ctx, id)
	if err != nil {
		return jobWork{}, err
	}
	out := jobWork{id: partition.JobID(work.Job), raw: work.Recipe}
	if err := json.Unmarshal(work.Recipe, &out.recipe); err != nil {
		return out, fmt.Errorf("recipe of job %s: %w", work.Job, err)
	}
	if n, err := hex.Decode(out.plan[:], []byte(work.PlanHash)); err != nil || n != len(out.plan) {
		return out, fmt.Errorf("job %s: plan hash %q is not 64 hexadecimal digits", work.Job, work.PlanHash)
	}
	for _, s := range work.Slices {
		slice, err := s.Partitioned(out.id)
		if err != nil {
			return out, err
		}
		out.slices = append(out.slices, slice)
	}
	s, err := c.Cluster(ctx)
	if err != nil {
		return out, err
	}
	out.cluster = s.ID
	return out, nil
}

// plannedWork reads a plan file. cluster is the one that ran it.
func plannedWork(file, cluster string) (jobWork, error) {
	p, err := recovery.ReadFile(file, "")
	if err != nil {
		return jobWork{}, err
	}
	sub, err := p.Submission()
	if err != nil {
		return jobWork{}, err
	}
	return jobWork{id: sub.ID, plan: sub.PlanHash, cluster: cluster, recipe: p.Recipe, raw: sub.Recipe, slices: sub.Slices}, nil
}

// setAside is by partition what a job has in quarantine.
func setAside(ctx context.Context, c *client.Client, id partition.JobID) (map[int32]partition.Ranges, error) {
	states, _, err := c.Slices(ctx, string(id), client.Blocking{})
	if err != nil {
		return nil, err
	}
	out := map[int32]partition.Ranges{}
	for _, s := range states {
		for _, q := range s.Quarantine {
			out[q.Partition] = append(out[q.Partition], partition.Range{From: q.Offset, To: q.Offset + 1})
		}
	}
	for p, rs := range out {
		out[p] = partition.Normalize(rs)
	}
	return out, nil
}

// windowsOf are both sides' numbers per window, by partition.
func windowsOf(rs []verify.Result) map[int32][]fsm.Window {
	out := map[int32][]fsm.Window{}
	for _, r := range rs {
		out[r.Partition] = r.Windows
	}
	return out
}

// compare reads both sides of a job from here, and writes nothing.
func (a *app) compare(ctx context.Context, where *places, w jobWork, parallel int) ([]verify.Result, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	defer remove()
	cfg := where.openConfig()
	cfg.Cluster = w.cluster
	ends, err := open.New(cfg).Open(ctx, w.id, w.raw)
	if err != nil {
		return nil, err
	}
	defer ends.Close()
	v := verify.New(verify.Config{
		NewBag:   match.Spill(spill.Options{Dir: dir, MemoryBytes: 4 * spillMemory}),
		Spill:    spill.Options{Dir: dir, MemoryBytes: spillMemory}, // which is filled, whatever the difference
		Progress: a.reading("verify"),
	})
	out, err := v.Job(ctx, w.slices, w.aside, ends, parallel)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].ReadBy = partition.NodeID(fsm.PersonPrefix + actor())
	}
	return out, nil
}
