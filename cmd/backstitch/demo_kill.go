package main

import (
	"context"
	"fmt"
	"time"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
	"backstitch/cmd/backstitch/sandbox"
)

// Where in the repair the demo kills, in percent of the records.
const (
	killBusiestAt = 40
	killLeaderAt  = 70
)

// repairSeconds is about how long the repair would take without kills: the broker is slowed down to it, so that there is a
// middle to kill in.
const repairSeconds = 12

// repair runs the plan, kills the busiest node and then the leader, and waits for the end.
func (d *demo) repair(ctx context.Context) error {
	var err error
	if d.survivors, err = orders.Survivors(ctx, d.brokers()); err != nil {
		return err
	}
	control := sandbox.Control{Addr: d.site.ports.controlAddr()}
	if err := control.Pace(ctx, d.result.Lost*orders.Bytes/repairSeconds); err != nil {
		return err
	}
	c, err := client.New(client.Config{Addresses: d.site.addresses(), Retry: 30 * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	ended := make(chan runEnd, 1)
	go func() {
		out, status := d.command(ctx, "run", d.plan, "--yes", "-o", "json", "-q")
		ended <- runEnd{out, status}
	}()
	job, end, err := d.kills(ctx, c, ended, []killMark{
		{killBusiestAt, d.busiest, "the busiest node"},
		{killLeaderAt, d.leader, "the leader"},
	})
	if err != nil {
		return err
	}
	if err := control.Pace(ctx, 0); err != nil {
		return err
	}
	if end == nil {
		select {
		case e := <-ended:
			end = &e
		case <-ctx.Done():
			<-ended
			return ctx.Err()
		}
	}
	if end.status != client.ExitOK {
		return d.unexpected("run", end.status, end.output)
	}
	if job, _, err = c.Job(ctx, d.job, client.Blocking{}); err != nil {
		return err
	}
	d.result.Rewritten = job.Progress.Written
	d.tell("     backstitch run      -> %s records written back, each once", count(job.Progress.Written))
	return nil
}

type runEnd struct {
	output
	status int
}

// killMark is a point of the repair, in percent of the records, and whom to kill there.
type killMark struct {
	percent int64
	pick    func([]client.Member) *siteNode
	what    string
}

// kills watches the job and kills at the marks. It returns the end of run when that came first.
func (d *demo) kills(ctx context.Context, c *client.Client, ended chan runEnd, marks []killMark) (client.Job, *runEnd, error) {
	var job client.Job
	for len(marks) > 0 {
		select {
		case e := <-ended:
			return job, &e, nil
		case <-ctx.Done():
			return job, nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if jobs, _, err := c.Jobs(ctx, client.Blocking{}); err != nil {
			return job, nil, err
		} else if len(jobs) > 0 {
			job = jobs[0]
			d.job = job.ID
		}
		if job.State != "running" || done(job)*100 < marks[0].percent*job.Records {
			continue
		}
		members, err := c.Members(ctx)
		if err != nil {
			return job, nil, err
		}
		victim := marks[0].pick(members)
		if victim == nil {
			continue
		}
		at := done(job) * 100 / job.Records
		took, err := d.kill(ctx, c, job.ID, victim)
		if err != nil {
			return job, nil, err
		}
		d.tell("     at %d %%: SIGKILL %s (%s), %d slices moved, others wrote on after %d ms; it is started again", at, victim.name, marks[0].what, took.slices, took.ms)
		marks = marks[1:]
	}
	return job, nil, nil
}

// busiest is the node with the most slices that does not lead; the leader has its own turn.
func (d *demo) busiest(members []client.Member) *siteNode {
	most, name := 0, ""
	for _, m := range members {
		if !m.Leader && m.Leases > most {
			most, name = m.Leases, m.Name
		}
	}
	return d.node(name)
}

// leader is the node that leads, once every node is back: two losses at once are more than three voters bear.
func (d *demo) leader(members []client.Member) *siteNode {
	name := ""
	for _, m := range members {
		if !m.Alive {
			return nil
		}
		if m.Leader && m.Leases > 0 {
			name = m.Name
		}
	}
	return d.node(name)
}

func (d *demo) node(name string) *siteNode {
	for _, n := range d.site.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

type takeover struct {
	slices int
	ms     int64
}

// kill kills a node without warning, waits until another one has written for one of its slices, and starts it again.
func (d *demo) kill(ctx context.Context, c *client.Client, job string, victim *siteNode) (takeover, error) {
	var out takeover
	slices, _, err := c.Slices(ctx, job, client.Blocking{})
	if err != nil {
		return out, err
	}
	orphans := map[string]client.SliceState{}
	for _, s := range slices {
		if s.Status == "leased" && s.Kind == "fill" && s.OwnerName == victim.name {
			orphans[s.ID] = s
		}
	}
	out.slices = len(orphans)
	victim.proc.Kill()
	at := time.Now()
	d.result.Kills++
	if len(orphans) > 0 {
		if err := newProgress(ctx, c, job, orphans); err != nil {
			return out, err
		}
		out.ms = time.Since(at).Milliseconds()
		d.result.FailoverMs = max(d.result.FailoverMs, out.ms)
	}
	if err := d.site.startNode(victim); err != nil {
		return out, err
	}
	up, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := ready(up, victim.api); err != nil {
		return out, d.site.blame(ctx, fmt.Errorf("%s after its restart: %w", victim.name, err))
	}
	return out, nil
}

// newProgress waits until somebody else has written on behalf of a slice whose owner died. Progress is seen once it is in the
// book, up to half a second after it is in the topic, so the time is never too short. A slice that its owner had ended before it died has no other one:
// when that is so of all, there is nothing to wait for.
func newProgress(ctx context.Context, c *client.Client, job string, orphans map[string]client.SliceState) error {
	wait, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		slices, _, err := c.Slices(wait, job, client.Blocking{})
		if err != nil {
			return fmt.Errorf("wait for a new owner: %w", err)
		}
		for _, now := range slices {
			old, ok := orphans[now.ID]
			if ok && now.Epoch == old.Epoch && now.Status == "done" {
				delete(orphans, now.ID)
			}
			if ok && now.Epoch > old.Epoch && (now.Status == "done" || dealtWith(now.Progress) > dealtWith(old.Progress)) {
				return nil
			}
		}
		if len(orphans) == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-wait.Done():
			return fmt.Errorf("no new owner wrote anything within a minute: %w", wait.Err())
		}
	}
}
