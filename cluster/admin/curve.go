package admin

import (
	"context"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// showCurve answers out of this node's memory: that there is such a job says the book.
func (s *Server) showCurve(_ context.Context, in *JobPath) (*indexed[client.Curve], error) {
	return reading(s, func(view *fsm.View) (client.Curve, error) {
		job, err := findJob(view, in.ID)
		if err != nil {
			return client.Curve{}, err
		}
		out := client.Curve{Job: string(job.ID), Node: s.node.Name(), Points: []client.CurvePoint{}}
		for _, p := range s.node.Curve(job.ID) {
			out.Points = append(out.Points, client.CurvePoint{
				At: p.At.UTC(), Dealt: p.Dealt, Written: p.Written, Bytes: p.Bytes, CapPerSec: p.Cap, Peak: p.Peak, Rest: p.Rest,
			})
		}
		return out, nil
	})
}
