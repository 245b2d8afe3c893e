package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/maintenance"
	"backstitch/fsm"
	"backstitch/partition/calendar"
)

// Windows of maintenance are looked at here, since the book reads no cron line: what nobody can have meant is refused, and so is one that meets another of its scope, of
// which nobody could say when it ends. Two that are set at the same moment may meet all the same; then both hold.

func (s *Server) listMaintenance(context.Context, *struct{}) (*indexed[client.MaintenanceWindows], error) {
	now := s.clock()
	return reading(s, func(view *fsm.View) (client.MaintenanceWindows, error) {
		out := client.MaintenanceWindows{Windows: []client.Maintenance{}}
		windows, err := view.Maintenance()
		if err != nil {
			return out, err
		}
		active, err := view.ActiveJobs()
		if err != nil {
			return out, err
		}
		for _, m := range windows {
			if m.Over(now.UnixNano()) {
				continue
			}
			d := describeMaintenance(m, now)
			for i := range active {
				if slices.Contains(active[i].Scopes(), m.Scope) {
					d.Jobs = append(d.Jobs, string(active[i].ID))
				}
			}
			out.Windows = append(out.Windows, d)
		}
		return out, nil
	})
}

func describeMaintenance(m fsm.Maintenance, now time.Time) client.Maintenance {
	out := client.Maintenance{
		Name: m.Name, Scope: string(m.Scope), Cron: m.Cron, DurationMs: m.SpanNanos / int64(time.Millisecond), By: m.PutBy, Why: m.Why, At: moment(time.Unix(0, m.PutUnixNanos)),
	}
	if m.Cron == "" {
		out.From = moment(time.Unix(0, m.FromUnixNanos))
	} else {
		out.Timezone = m.Zone
	}
	c, err := calendar.Closed(maintenance.Closures([]fsm.Maintenance{m}))
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	st := c.At(now)
	out.On, out.Next = moment(st.Blackout), moment(st.Next)
	return out
}

func (s *Server) putMaintenance(ctx context.Context, in *struct {
	Keyed
	Body client.PutMaintenance
}) (*indexed[client.MaintenanceWindows], error) {
	b := in.Body
	cmd := fsm.PutMaintenance{Name: b.Name, Off: b.Off}
	var err error
	if b.Off {
		err = s.knowsWindow(b)
	} else {
		cmd, err = s.window(b)
	}
	if err != nil {
		return nil, err
	}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "maintenance", b.Reason), cmd, b.Name)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.listMaintenance(ctx, nil)
}

// knowsWindow refuses to remove what there is not: the name is mistyped, and the window that was meant holds on.
func (s *Server) knowsWindow(b client.PutMaintenance) error {
	if b.Scope != "" || b.Timezone != "" || b.Cron != "" || b.From != nil || b.DurationMs != 0 {
		return invalid("a window that is removed has no time and no scope", "backstitch cluster maintenance clear "+b.Name)
	}
	windows, err := s.windowsBut("")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(windows, func(m fsm.Maintenance) bool { return m.Name == b.Name }) {
		return notFound("window of maintenance", b.Name, "backstitch cluster maintenance list")
	}
	return nil
}

// window is the command for a window that can be meant.
func (s *Server) window(b client.PutMaintenance) (fsm.PutMaintenance, error) {
	out := fsm.PutMaintenance{
		Name: b.Name, Scope: fsm.Scope(b.Scope), Zone: b.Timezone, Cron: b.Cron, SpanNanos: b.DurationMs * int64(time.Millisecond),
	}
	if b.From != nil {
		out.FromUnixNanos = b.From.UnixNano()
		if b.Timezone != "" {
			return out, windowProblem(b.Name, "timezone: it is for cron, and a moment has a zone of its own")
		}
	}
	if out.Zone == "" {
		out.Zone = "UTC"
	}
	others, err := s.windowsBut(b.Name)
	if err != nil {
		return out, err
	}
	others = maintenance.Concerning(others, []fsm.Scope{out.Scope})
	of := func(m fsm.PutMaintenance) calendar.Closure {
		return maintenance.Closures([]fsm.Maintenance{{Name: m.Name, Zone: m.Zone, Cron: m.Cron, FromUnixNanos: m.FromUnixNanos, SpanNanos: m.SpanNanos}})[0]
	}(out)
	if b.From != nil {
		of.From = *b.From
	} else if b.Cron == "" {
		of.From = time.Time{}
	}
	meets, err := calendar.CheckClosure(of, maintenance.Closures(others), s.clock())
	var wrong *calendar.Error
	switch {
	case errors.As(err, &wrong) && meets != "":
		return out, newProblem(http.StatusConflict, client.CodeWindowsMeet, fmt.Sprintf("the window meets %s", meets), wrong.Why,
			"backstitch cluster maintenance list     then another time, or first: backstitch cluster maintenance clear "+meets)
	case errors.As(err, &wrong):
		return out, windowProblem(b.Name, wrong.Field+": "+wrong.Why)
	}
	return out, err
}

func windowProblem(name, why string) error {
	return newProblem(http.StatusUnprocessableEntity, client.CodeWindow, fmt.Sprintf("window %s can not be meant", name), why,
		"backstitch help cluster maintenance set")
}

// windowsBut are the windows that are not over, but one.
func (s *Server) windowsBut(name string) ([]fsm.Maintenance, error) {
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	defer view.Close()
	windows, err := view.Maintenance()
	if err != nil {
		return nil, s.failed(err)
	}
	now := s.clock().UnixNano()
	return slices.DeleteFunc(windows, func(m fsm.Maintenance) bool { return m.Name == name && name != "" || m.Over(now) }), nil
}
