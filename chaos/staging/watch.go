package staging

import (
	"context"
	"fmt"
	"time"
)

// This file looks after the cluster while it is hurt: what it loses beyond the story ends the run.

// watchUntil waits and looks whether the cluster keeps what the story leaves it.
func (r *run) watchUntil(ctx context.Context, at time.Time) error {
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		left := time.Until(at)
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, min(left, r.patience.tick)); err != nil {
			return err
		}
	}
}

// look is one look. A node that nobody hurts must be there, and somebody must lead while a quorum is unhurt.
func (r *run) look(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	view, alive, err := r.m.view(ask)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := time.Now()
	hurt := 0
	for _, n := range r.m.nodes {
		calm := now.Sub(r.hurtAt[n.Name]) > r.patience.lost
		if !calm {
			hurt++
		}
		if err != nil || alive[n.Name] || !calm {
			delete(r.lost, n.Name)
			continue
		}
		if r.lost[n.Name].IsZero() {
			r.lost[n.Name] = now
		}
		if since := now.Sub(r.lost[n.Name]); since > r.patience.lost {
			return fmt.Errorf("%s, which nobody hurt, is gone since %s", n.Name, since.Round(time.Second))
		}
	}
	if (err == nil && view.Leader != "") || hurt > (len(r.m.voters())-1)/2 {
		r.noLeader = time.Time{}
		return nil
	}
	if r.noLeader.IsZero() {
		r.noLeader = now
	}
	if since := now.Sub(r.noLeader); since > r.patience.leaderless {
		return fmt.Errorf("nobody leads since %s while a quorum is unhurt: %v", since.Round(time.Second), err)
	}
	return nil
}

// returns waits for a node that was ended. Nothing here can start it: that is for its supervisor.
func (r *run) returns(ctx context.Context, name string) error {
	deadline := time.Now().Add(r.patience.comesBack)
	for {
		ask, cancel := context.WithTimeout(ctx, answer)
		health, err := r.m.find(name).api.Health(ask, "ready")
		cancel()
		if err == nil && health.OK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s was ended and has not come back within %s: does a supervisor start it again?", name, r.patience.comesBack)
		}
		if err := pause(ctx, r.patience.tick); err != nil {
			return err
		}
	}
}
