package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/due"
)

// Scans from outside. They are jobs, so pause, resume and retry are those of jobs; what only a scan has is here.

type ScanPath struct {
	ID string `path:"id" maxLength:"128" doc:"id of a scan"`
}

func (s *Server) listScans(ctx context.Context, _ *struct{}) (*indexed[client.Scans], error) {
	return reading(s, func(view *fsm.View) (client.Scans, error) {
		out := client.Scans{Scans: []client.Scan{}}
		for scan, err := range view.Scans() {
			if err != nil {
				return out, err
			}
			shown, err := describeScan(view, scan)
			if err != nil {
				return out, err
			}
			if sees(ctx, shown.Namespace) {
				out.Scans = append(out.Scans, shown)
			}
		}
		slices.SortFunc(out.Scans, func(a, b client.Scan) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		return out, nil
	})
}

func (s *Server) showScan(ctx context.Context, in *struct {
	ScanPath
	Blocking
}) (*indexed[client.Scan], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Scan, error) {
		scan, err := findScan(view, in.ID)
		if err != nil {
			return client.Scan{}, err
		}
		return describeScan(view, scan)
	})
}

func (s *Server) scanFindings(_ context.Context, in *ScanPath) (*indexed[client.ScanFindings], error) {
	return reading(s, func(view *fsm.View) (client.ScanFindings, error) {
		out := client.ScanFindings{Parts: []client.ScanPart{}}
		scan, err := findScan(view, in.ID)
		if err != nil {
			return out, err
		}
		if out.Scan, err = describeScan(view, scan); err != nil {
			return out, err
		}
		job, _, err := view.Job(scan.Job)
		if err != nil {
			return out, err
		}
		out.Recipe, out.Header = job.Recipe, scan.Header
		for p, err := range view.ScanParts(scan.Job) {
			if err != nil {
				return out, err
			}
			out.Parts = append(out.Parts, client.ScanPart{
				Partition: p.Partition, By: string(p.By), At: time.Unix(0, p.UnixNanos).UTC(), Truncated: p.Truncated, Body: p.Body,
			})
		}
		return out, nil
	})
}

type submitScanInput struct {
	Keyed
	Body client.ScanSubmission
}

func (s *Server) submitScan(ctx context.Context, in *submitScanInput) (*indexed[client.Scan], error) {
	order := orderFact(in.Body.Order)
	cmd := fsm.SubmitScan{ID: partition.JobID(in.Body.ID), Order: &order}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "scan", ""), cmd, in.Body.ID)
	if err != nil {
		return nil, err
	}
	return s.scanAfter(ctx, in.Body.ID, result.Index)
}

func (s *Server) cancelScan(ctx context.Context, in *struct {
	ScanPath
	Keyed
	Body client.Action
}) (*indexed[client.Scan], error) {
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	_, err = findScan(view, in.ID) // a job that writes is not cancelled by this door
	view.Close()
	if err != nil {
		return nil, s.failed(err)
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "cancel", in.Body.Reason), fsm.CancelJob{ID: partition.JobID(in.ID)}, in.ID)
	if err != nil {
		return nil, err
	}
	return s.scanAfter(ctx, in.ID, result.Index)
}

func (s *Server) scanAfter(ctx context.Context, id string, index uint64) (*indexed[client.Scan], error) {
	if err := s.applied(ctx, index); err != nil {
		return nil, s.failed(err)
	}
	return s.showScan(ctx, &struct {
		ScanPath
		Blocking
	}{ScanPath: ScanPath{ID: id}})
}

func findScan(view *fsm.View, id string) (fsm.Scan, error) {
	scan, ok, err := view.Scan(partition.JobID(id))
	if err == nil && !ok {
		err = notFound("scan", id, "backstitch scan list")
	}
	return scan, err
}

func describeScan(view *fsm.View, s fsm.Scan) (client.Scan, error) {
	j, _, err := view.Job(s.Job)
	if err != nil {
		return client.Scan{}, err
	}
	c := s.Counts
	out := client.Scan{
		ID: string(s.Job), Name: j.Name, Namespace: j.Namespace, State: j.State.String(), Why: j.Why, Dataset: s.Dataset, Pair: s.Pair,
		Schedule: s.Schedule, DueAt: instant(s.DueUnixNanos), RateBytes: s.RateBytes, Priority: j.Priority,
		Surveyed: s.Header != nil, Partitions: j.Slices - 1, Failed: j.FailedSlices, Truncated: s.Truncated,
		Counts: client.ScanCounts{
			Comparable: c.Comparable, Compared: c.Compared, Missing: c.Missing, MissingBytes: c.MissingBytes, Duplicates: c.Duplicates,
			Extra: c.Extra, Findings: c.Findings, Unknown: c.Unknown,
		},
		CreatedBy: j.CreatedBy, CreatedAt: time.Unix(0, j.CreatedUnixNanos).UTC(), FinishedAt: instant(j.FinishedUnixNanos), Index: j.ModifyIndex,
	}
	if out.Surveyed {
		out.Done = j.FillDone - 1
	}
	for st, err := range view.SliceStates(s.Job) {
		if err != nil {
			return out, err
		}
		if out.Problem == "" || st.Status == fsm.SliceFailed {
			out.Problem = cmp.Or(st.Err, out.Problem)
		}
		out.Records += st.Checkpoint.Records
		out.Bytes += st.Checkpoint.Bytes
	}
	return out, nil
}

func (s *Server) listSchedules(ctx context.Context, _ *struct{}) (*indexed[client.ScanSchedules], error) {
	return reading(s, func(view *fsm.View) (client.ScanSchedules, error) {
		out := client.ScanSchedules{Schedules: []client.ScanSchedule{}}
		list, err := view.Schedules()
		for _, x := range list {
			if sees(ctx, x.Order.Namespace) {
				out.Schedules = append(out.Schedules, describeSchedule(x))
			}
		}
		return out, err
	})
}

type putScheduleInput struct {
	Keyed
	Body client.ScanSchedule
}

// putSchedule computes when the first scan is due: a cron line from now, a repetition one step from now.
func (s *Server) putSchedule(ctx context.Context, in *putScheduleInput) (*indexed[client.ScanSchedule], error) {
	rule := due.Rule{Cron: in.Body.Cron}
	if in.Body.Every != "" {
		var err error
		if rule.Every, err = time.ParseDuration(in.Body.Every); err != nil {
			return nil, invalid(err.Error(), "e.g. --every 1h")
		}
	}
	env := s.envelope(ctx, in.Keyed, "schedule", "")
	now := time.Unix(0, env.UnixNanos)
	next, err := rule.Next(now, now)
	if err != nil {
		return nil, invalid(err.Error(), "e.g. --every 1h, or --cron '0 3 * * *' in UTC")
	}
	order := orderFact(in.Body.Order)
	cmd := fsm.PutSchedule{Name: in.Body.Name, Order: &order, EveryNanos: int64(rule.Every), Cron: rule.Cron, NextUnixNanos: next.UnixNano()}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, env, cmd, in.Body.Name)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.ScanSchedule, error) {
		x, ok, err := view.Schedule(in.Body.Name)
		if err == nil && !ok {
			err = notFound("schedule", in.Body.Name, "backstitch scan schedules")
		}
		return describeSchedule(x), err
	})
}

type removeScheduleInput struct {
	Name string `path:"name" maxLength:"128"`
	Keyed
}

func (s *Server) removeSchedule(ctx context.Context, in *removeScheduleInput) (*indexed[client.Done], error) {
	cmd := fsm.PutSchedule{Name: in.Name}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "unschedule", ""), cmd, in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{Index: result.Index, Leader: string(s.node.Leader())}, nil
}

func describeSchedule(x fsm.Schedule) client.ScanSchedule {
	o := x.Order
	out := client.ScanSchedule{
		Name: x.Name, Cron: x.Cron, Next: instant(x.NextUnixNanos), Last: string(x.Last), By: x.PutBy,
		Order: client.ScanOrder{
			Name: o.Name, Namespace: o.Namespace, Dataset: o.Dataset, Pair: o.Pair, Recipe: o.Recipe, RateBytes: o.RateBytes, Whole: o.Whole,
			Priority: o.Priority, Keep: o.Keep,
		},
	}
	if x.EveryNanos != 0 {
		out.Every = due.Length(time.Duration(x.EveryNanos))
	}
	return out
}

func orderFact(o client.ScanOrder) fsm.ScanOrder {
	return fsm.ScanOrder{
		Name: o.Name, Namespace: o.Namespace, Dataset: o.Dataset, Pair: o.Pair, Recipe: o.Recipe, RateBytes: o.RateBytes, Whole: o.Whole,
		Priority: o.Priority, Keep: o.Keep,
	}
}
