package cluster

import (
	"context"
	"fmt"

	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
)

// book shows the leader's loop its own replica. Each method is one consistent view.
type book struct{ machine *fsm.Machine }

var _ leader.Book = (*book)(nil)

// Overview returns members, running jobs, version and digest.
func (b *book) Overview() (leader.Overview, error) {
	v := b.machine.View()
	defer v.Close()
	out := leader.Overview{Applied: v.Applied(), Digest: v.Digest()}
	var err error
	if out.Version, err = v.Version(); err != nil {
		return out, fmt.Errorf("read version: %w", err)
	}
	who, err := v.Upgrade()
	if err != nil {
		return out, fmt.Errorf("read who finishes upgrades: %w", err)
	}
	out.ByHand = who.ByHand
	if out.Members, err = v.Members(); err != nil {
		return out, fmt.Errorf("read members: %w", err)
	}
	keys, err := v.ProofKeys()
	if err != nil {
		return out, fmt.Errorf("read proof keys: %w", err)
	}
	if len(keys) > 0 {
		out.ProofKey = keys[len(keys)-1].Key
	}
	if out.Schedules, err = schedules(v); err != nil {
		return out, fmt.Errorf("read schedules: %w", err)
	}
	if out.Asked, err = v.Asked(); err != nil {
		return out, fmt.Errorf("read leases that are asked for: %w", err)
	}
	tokens, err := v.Tokens()
	if err != nil {
		return out, fmt.Errorf("read tokens: %w", err)
	}
	for _, k := range tokens {
		if k.EndedUnixNanos == 0 && k.ExpiresUnixNanos != 0 {
			out.Tokens = append(out.Tokens, k)
		}
	}
	if out.Windows, err = v.Maintenance(); err != nil {
		return out, fmt.Errorf("read windows of maintenance: %w", err)
	}
	out.Terms = map[partition.JobID]fsm.Terms{}
	jobs, err := v.ActiveJobs()
	if err != nil {
		return out, fmt.Errorf("read jobs: %w", err)
	}
	for _, j := range jobs {
		if j.State == fsm.JobRunning || j.State == fsm.JobVerifying {
			out.Jobs = append(out.Jobs, j)
			x, ok, err := v.Terms(j.ID)
			if err != nil {
				return out, fmt.Errorf("read terms of job %s: %w", j.ID, err)
			}
			if ok {
				out.Terms[j.ID] = x
			}
		}
	}
	return out, nil
}

// schedules returns those of scans, with whether their last scan has ended.
func schedules(v *fsm.View) ([]leader.Schedule, error) {
	list, err := v.Schedules()
	if err != nil {
		return nil, err
	}
	out := make([]leader.Schedule, 0, len(list))
	for _, s := range list {
		busy := false
		if s.Last != "" {
			j, ok, err := v.Job(s.Last)
			if err != nil {
				return nil, err
			}
			busy = ok && !j.State.Terminal()
		}
		out = append(out, leader.Schedule{Schedule: s, Busy: busy})
	}
	return out, nil
}

// Slices returns the slices of a job with their states.
func (b *book) Slices(job partition.JobID) ([]leader.Slice, error) {
	v := b.machine.View()
	defer v.Close()
	bytes := map[uint32]int64{}
	for s, err := range v.Slices(job) {
		if err != nil {
			return nil, err
		}
		bytes[s.ID.N] = s.Bytes
	}
	out := make([]leader.Slice, 0, len(bytes))
	for s, err := range v.SliceStates(job) {
		if err != nil {
			return nil, err
		}
		out = append(out, leader.Slice{
			N: s.ID.N, Kind: s.Kind, Partition: s.Partition, Bytes: bytes[s.ID.N], Status: s.Status, Owner: s.Owner,
			Epoch: s.Epoch, Attempts: s.Attempts, NotBeforeUnixNanos: s.NotBeforeUnixNanos,
		})
	}
	return out, nil
}

// States returns the states of ids, in their order.
func (b *book) States(ids []partition.SliceID) ([]fsm.SliceState, error) {
	v := b.machine.View()
	defer v.Close()
	out := make([]fsm.SliceState, 0, len(ids))
	for _, id := range ids {
		s, ok, err := v.SliceState(id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("slice %s is not in the book", id)
		}
		out = append(out, s)
	}
	return out, nil
}

// Unscanned returns what began to be unusual while a scan ran that had begun before.
func (b *book) Unscanned() ([]fsm.Unscanned, error) {
	v := b.machine.View()
	defer v.Close()
	out, err := v.Unscanned()
	if err != nil {
		return nil, fmt.Errorf("read what is unusual and in no scan: %w", err)
	}
	return out, nil
}

// HasProof reports whether a proof is recorded.
func (b *book) HasProof(id fsm.ProofID) (bool, error) {
	v := b.machine.View()
	defer v.Close()
	_, ok, err := v.Proof(id)
	return ok, err
}

// Writers returns who may have written the partitions of a job.
func (b *book) Writers(job partition.JobID) (fsm.Writers, error) {
	v := b.machine.View()
	defer v.Close()
	return v.Writers(job)
}

// Wait blocks until something above after is applied.
func (b *book) Wait(ctx context.Context, after uint64) (uint64, error) {
	return b.machine.Wait(ctx, after)
}
