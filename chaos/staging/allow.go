package staging

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
	"backstitch/cluster/inject"
)

// This file decides from the story alone whether it can be told to a cluster that runs somewhere else.

// ErrRefused says that nothing was done, and why.
var ErrRefused = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// margin is how much longer a node keeps a fault than the story says, in case that this process can not take it back in time.
const margin = 10 * time.Second

// checked lists what of scenario.Expects is looked at here.
var checked = map[string]bool{"leader": true, "done": true, "failover": true, "vacuous": true}

// Can says why a story can not be told here, nil when it can.
func Can(s scenario.Scenario) error {
	if !s.Layers.Has(fault.Staging) {
		return refuse("%s is for %s", s.Name, s.Layers)
	}
	for _, key := range s.Expects.Set() {
		if !checked[key] {
			return refuse("%s expects %s, which can not be measured from outside", s.Name, key)
		}
	}
	if len(s.Before) > 0 || len(s.Between) > 0 {
		return refuse("%s does something before the job runs, and the job is planned already", s.Name)
	}
	return canAll(s.Timeline)
}

func canAll(faults []fault.Fault) error {
	for _, f := range faults {
		if err := can(f); err != nil {
			return err
		}
	}
	return nil
}

// can says why a fault can not be injected through the API of nodes.
func can(f fault.Fault) error {
	spec := f.Spec()
	switch {
	case spec == nil || !spec.Where.Has(fault.Staging):
		return refuse("%q can not be done to a cluster that runs somewhere else", f)
	case f.Target == fault.TheBroker || f.Target == fault.TheStore:
		return refuse("%q: broker and store are not ours", f)
	case f.Kind == fault.Loss || f.Percent > 0:
		return refuse("%q: a node can not lose packets of its own connections; it can slow them down or cut them", f)
	case f.Jitter > 0:
		return refuse("%q: a node delays evenly", f)
	case f.Delay > inject.MaxDelay:
		return refuse("%q: a node delays by %s at most", f, inject.MaxDelay)
	case f.Lasts()+margin > inject.MaxTTL:
		return refuse("%q: a node keeps a fault for %s at most", f, inject.MaxTTL-margin)
	}
	switch f.Kind {
	case fault.Kill, fault.Leave, fault.Pause, fault.Partition, fault.GossipCut, fault.RaftCut, fault.Delay, fault.DiskSlow, fault.StepDown:
		return nil
	}
	return refuse("%q: nodes have no such fault", f)
}

// Blast is how many of n voters are hurt at once, at the worst moment. Faults without a target hurt nobody.
func Blast(faults []fault.Fault, n int) int {
	now, worst := 0, 0
	for _, step := range fault.Steps(faults) {
		size := size(step.Fault.Target, n)
		if step.Heal {
			now -= size
			continue
		}
		now += size
		worst = max(worst, now)
		if step.Fault.Lasts() == 0 {
			now -= size
		}
	}
	return worst
}

func size(t fault.Target, n int) int {
	switch t {
	case "":
		return 0
	case fault.All:
		return n
	case fault.Majority:
		return n/2 + 1
	case fault.Minority:
		return (n - 1) / 2
	}
	return 1
}

// allow refuses a plan that is too large for n voters or too long.
func allow(faults []fault.Fault, n int, limit time.Duration, meant bool) error {
	if err := canAll(faults); err != nil {
		return err
	}
	if spare := (n - 1) / 2; Blast(faults, n) > spare && !meant {
		return refuse("the plan hurts up to %d of %d voters at once, and the cluster can do without %d:\n%s", Blast(faults, n), n, spare, lines(faults))
	}
	if end := fault.End(faults); end > limit {
		return refuse("the last fault is healed after %s, and --max-duration is %s", end, limit)
	}
	return nil
}

func lines(faults []fault.Fault) string {
	var out []string
	for _, f := range faults {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}
