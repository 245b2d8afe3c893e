package staging

import (
	"context"
	"fmt"
	"strings"
	"time"

	"backstitch/chaos/fault"
)

// This file is the story itself: each fault begins and ends at its time, and all are taken back however it ends.

// timeline does one step after the other. Its error says why it ended early. Lost owners are watched for longer, until watching ends.
func (r *run) timeline(ctx, watching context.Context, faults []fault.Fault) error {
	began := time.Now()
	for _, step := range fault.Steps(faults) {
		if err := r.watchUntil(ctx, began.Add(step.At)); err != nil {
			return err
		}
		if step.Heal {
			if err := r.endOne(ctx, step.Index); err != nil {
				return err
			}
			continue
		}
		if err := r.beginOne(ctx, watching, step); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) beginOne(ctx, watching context.Context, step fault.Step) error {
	targets, err := r.targets(ctx, step.Fault)
	if err != nil {
		return err
	}
	for _, name := range targets {
		r.hurtAt[name] = time.Now().Add(step.Fault.Lasts())
	}
	losses, err := r.losing(ctx, step.Fault, targets)
	if err != nil {
		return err
	}
	r.evidence.Fault(step.Fault, targets...)
	r.cfg.Say("==> %s   %s", step.Fault, strings.Join(targets, " "))
	a, err := r.m.begin(ctx, step.Fault, targets)
	r.active[step.Index] = a
	r.takeovers.watch(watching, r, losses)
	if err != nil {
		return err
	}
	if step.Fault.Lasts() == 0 {
		delete(r.active, step.Index)
		r.evidence.Healed(step.Fault, a.hit, nil)
	}
	return nil
}

// targets looks up whom a fault is for. Roles may be vacant for a moment after the fault before.
func (r *run) targets(ctx context.Context, f fault.Fault) ([]string, error) {
	role := f.Target
	if f.Kind == fault.StepDown {
		role = fault.Leader
	}
	deadline := time.Now().Add(r.patience.comesBack)
	for {
		view, _, err := r.m.view(ctx)
		if err == nil {
			var names []string
			if names, err = role.In(view, r.random); err == nil {
				return names, nil
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if err := pause(ctx, r.patience.tick); err != nil {
			return nil, err
		}
	}
}

func (r *run) endOne(ctx context.Context, index int) error {
	a := r.active[index]
	if a == nil {
		return nil
	}
	delete(r.active, index)
	r.m.end(ctx, a)
	r.evidence.Healed(a.fault, a.hit, nil)
	for _, name := range a.targets {
		r.hurtAt[name] = time.Now()
	}
	if a.fault.Kind != fault.Kill && a.fault.Kind != fault.Leave {
		return nil
	}
	for _, name := range a.targets {
		if err := r.returns(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// heal takes everything back, whatever has happened to ctx.
func (r *run) heal(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for index, a := range r.active {
		r.m.end(ctx, a)
		r.evidence.Healed(a.fault, a.hit, nil)
		delete(r.active, index)
	}
	n, silent := r.m.healAll(ctx)
	if n > 0 {
		r.evidence.Notef("%d faults were left and are healed", n)
	}
	if len(silent) > 0 {
		r.notef("%s: no answer; what is done there ends by itself", strings.Join(silent, ", "))
		return
	}
	r.cfg.Say("==> everything is healed")
}
