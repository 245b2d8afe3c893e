//go:build linux

package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
	"backstitch/cluster"
)

// crowd is how many connections more than an agent has files for are made to it, so that it lacks some for itself.
const crowd = 8

// lackFiles leaves agents few files and takes those with connections from outside, as a client does that never closes them.
func lackFiles(r *Run, more int, nodes []*testbed.Node) (Injected, error) {
	var heals []func() error
	marks := map[*testbed.Node]int{}
	for _, n := range nodes {
		marks[n] = r.lacks(n)
		heal, err := limits.MoreFiles(n.PID(), more)
		if err != nil {
			return Injected{}, err
		}
		heals = append(heals, heal)
		for range more + crowd { // the kernel takes those that the agent can not
			c, err := net.DialTimeout("tcp", n.API, time.Second)
			if err != nil {
				return Injected{}, fmt.Errorf("take the files of %s: %w", n.Name, err)
			}
			heals = append(heals, c.Close)
		}
	}
	return Injected{
		Hits: func() int64 {
			hits := 0
			for n, before := range marks {
				hits += r.lacks(n) - before
			}
			return int64(hits)
		},
		Heal: func(context.Context) error {
			var errs []error
			for _, heal := range heals {
				errs = append(errs, heal())
			}
			for _, n := range nodes {
				errs = append(errs, restarted(r, n, cluster.ExitDisk)()) // its disk may need a new file just then
			}
			return errors.Join(errs...)
		},
	}, nil
}

// lacks counts how often an agent has said so.
func (r *Run) lacks(n *testbed.Node) int {
	text, err := os.ReadFile(n.Spec().Log)
	if err != nil {
		r.T.Fatal(err)
	}
	return bytes.Count(text, []byte("too many open files"))
}
