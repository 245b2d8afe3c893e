package admin

import (
	"context"
	"crypto/rand"
	"fmt"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// Scans of a dataset that are not due: of a person, and of an alert. They are those that its schedule would start, so what they find goes the way of all.

// How a scan of a target came to be there.
const (
	scanStarted = "started"
	scanKnown   = "known"   // this very request had started it
	scanRunning = "running" // another one of the pair runs
)

// targetScan is the scan of one target.
type targetScan struct {
	ID  string
	How string
}

// scanTargets starts a scan of each target, in their order, unless one of its pair runs. id and env are of the target of that number.
func (s *Server) scanTargets(ctx context.Context, view *fsm.View, d fsm.Dataset, id func(int) partition.JobID, env func(int) fsm.Envelope) ([]targetScan, error) {
	busy, err := scansOf(view, d)
	if err != nil {
		return nil, s.failed(err)
	}
	var out []targetScan
	for i, order := range d.Orders {
		id := id(i)
		if _, ok, err := view.Scan(id); err != nil {
			return nil, s.failed(err)
		} else if ok {
			out = append(out, targetScan{string(id), scanKnown})
			continue
		}
		if running := busy[order.Pair]; running != "" {
			// A storm of alerts about one dataset is one scan of it and not a thousand.
			out = append(out, targetScan{running, scanRunning})
			continue
		}
		cmd := fsm.SubmitScan{ID: id, Order: &order}
		if err := s.allows(cmd); err != nil {
			return nil, err
		}
		result, err := s.propose(ctx, env(i), cmd, string(id))
		if err != nil {
			return nil, err
		}
		// Who comes next looks for scans that run, in this node's book.
		if err := s.applied(ctx, result.Index); err != nil {
			return nil, s.failed(err)
		}
		out = append(out, targetScan{string(id), scanStarted})
	}
	return out, nil
}

// scansOf returns the scans of a dataset that run, by pair.
func scansOf(view *fsm.View, d fsm.Dataset) (map[string]string, error) {
	out := map[string]string{}
	active, err := view.ActiveJobs()
	if err != nil {
		return nil, err
	}
	for _, j := range active {
		scan, ok, err := view.Scan(j.ID)
		if err != nil {
			return nil, err
		}
		if ok && fsm.DatasetOf(j.Namespace, scan.Dataset) == d.Name {
			out[scan.Pair] = string(j.ID)
		}
	}
	return out, nil
}

type scanDatasetInput struct {
	DatasetPath
	Keyed
	Body client.Action
}

// scanDataset starts the scans of a dataset now.
func (s *Server) scanDataset(ctx context.Context, in *scanDatasetInput) (*indexed[client.DatasetScans], error) {
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	defer view.Close()
	d, ok, err := view.Dataset(in.name())
	switch {
	case err != nil:
		return nil, s.failed(err)
	case !ok:
		return nil, notFound("dataset", string(in.name()), "backstitch dataset list")
	case len(d.Orders) == 0:
		return nil, invalid(fmt.Sprintf("dataset %s has no scans: its reference or its targets are of a kind that the cluster does not read", in.name()), "backstitch dataset show "+string(in.name()))
	}
	cause := in.Key
	if cause == "" {
		cause = rand.Text()
	}
	scans, err := s.scanTargets(ctx, view, d,
		func(i int) partition.JobID { return fsm.TriggeredScanID(d.Name, i, "request "+cause, 0) },
		func(i int) fsm.Envelope { return s.envelope(ctx, in.Keyed, fmt.Sprintf("scan %d", i), in.Body.Reason) })
	if err != nil {
		return nil, err
	}
	return reading(s, func(view *fsm.View) (client.DatasetScans, error) {
		out := client.DatasetScans{Scans: []client.DatasetScan{}}
		for _, x := range scans {
			scan, err := findScan(view, x.ID)
			if err != nil {
				return out, err
			}
			shown, err := describeScan(view, scan)
			if err != nil {
				return out, err
			}
			out.Scans = append(out.Scans, client.DatasetScan{Scan: shown, Before: x.How == scanRunning})
		}
		return out, nil
	})
}
