//go:build linux

package matrix

import (
	"context"
	"fmt"
	"sync"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

// How a run learns who leads and who owns what. Reads of a node are local: one that has just been started, or that nobody talks
// to, answers with what it knew then, and a frozen one does not answer. So all are asked at once, and the newest book counts.

// patience is how long a node may take to answer what it knows.
const patience = time.Second

// newest is what the node with the newest book says, and that node's client.
func (r *Run) newest(ctx context.Context) (client.Cluster, *client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var mu sync.Mutex
	var said client.Cluster
	var who *client.Client
	why := fmt.Errorf("no node runs")
	var asked sync.WaitGroup
	for _, n := range r.Fleet.Nodes {
		if !n.Running() {
			continue
		}
		asked.Go(func() {
			c := n.Client()
			got, err := c.Cluster(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				why = fmt.Errorf("%s: %w", n.Name, err)
			case who == nil || got.AppliedIndex > said.AppliedIndex || got.AppliedIndex == said.AppliedIndex && got.Term > said.Term:
				said, who = got, c
			}
		})
	}
	asked.Wait()
	if who == nil {
		return said, nil, fmt.Errorf("nobody says how the cluster is: %w", why)
	}
	return said, who, nil
}

// view is what targets of faults are chosen from.
func (r *Run) view(ctx context.Context) (fault.View, error) {
	view := fault.View{Owned: map[string]int{}}
	for _, n := range r.Fleet.Nodes {
		view.Nodes = append(view.Nodes, n.Name)
	}
	said, _, err := r.newest(ctx)
	if err != nil {
		return view, err
	}
	if said.Leader != nil {
		view.Leader = said.Leader.Name
	}
	if r.Scenario.Workload.Idle() {
		return view, nil
	}
	states, err := r.slices(ctx)
	view.Owned = testbed.Owned(states)
	return view, err
}

// slices are those of the job as the newest book has them.
func (r *Run) slices(ctx context.Context) ([]client.SliceState, error) {
	_, who, err := r.newest(ctx)
	if err != nil {
		return nil, err
	}
	states, _, err := who.Slices(ctx, jobName, client.Blocking{})
	return states, err
}
