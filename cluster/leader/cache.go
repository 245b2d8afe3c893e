package leader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"backstitch/cluster/maintenance"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
)

// This file keeps what the leader knows about active jobs between turns. A job can have ten thousand slices and a turn
// comes several times a second, so a turn reads one state per lane: only the first unfinished slice of a lane can change.
// The exceptions are an operator's retry, which the counters of the job betray (they fall), a scan whose survey has added slices, and new
// jobs.

type cache struct {
	book   Book
	jobs   map[partition.JobID]*cachedJob
	asked  map[fsm.Lease]time.Duration // since when this leader has seen that a lease is to be given back
	days   calendar.Memo[dayKey]
	rested map[partition.JobID]time.Duration // when this leader last saw that a job was not to run: waiting begins there
	unread map[partition.JobID]bool          // calendars that were complained of
}

// dayKey is a job with the windows of maintenance that concern it: with others it has another calendar.
type dayKey struct {
	job   partition.JobID
	stamp uint64
}

type cachedJob struct {
	scopes  []fsm.Scope // it rests in; read once, and only where there are windows, since a job may have many locks
	slices  []Slice
	lanes   []*cachedLane
	writers *fsm.Writers // nobody writes while a job verifies, so they are read once
}

type cachedLane struct {
	slices []int // indexes into cachedJob.slices, by number
	head   int   // index into slices of the first one that is not done; len(slices) when all are
	held   partition.NodeID
	since  time.Duration // when this leader first saw the head wait for notBefore
	before int64
	idle   time.Duration // since when this leader has seen the head wait for an owner; meaningful when waits
	waits  bool
}

func newCache(book Book) *cache {
	return &cache{book: book, jobs: map[partition.JobID]*cachedJob{}}
}

// refresh brings the active jobs up to date and returns them as Decide wants them.
func (c *cache) refresh(active []fsm.Job, now time.Duration) ([]Job, error) {
	fresh := make(map[partition.JobID]*cachedJob, len(active))
	out := make([]Job, 0, len(active))
	for _, j := range active {
		cj := c.jobs[j.ID]
		if cj == nil || cj.outdated(j) {
			var err error
			if cj, err = c.load(j); err != nil {
				return nil, fmt.Errorf("read slices of job %s: %w", j.ID, err)
			}
		}
		if err := c.follow(j, cj, now); err != nil {
			return nil, fmt.Errorf("read slice states of job %s: %w", j.ID, err)
		}
		if err := c.wrote(j, cj); err != nil {
			return nil, fmt.Errorf("read writers of job %s: %w", j.ID, err)
		}
		job := Job{Job: j, Slices: cj.slices}
		if cj.writers != nil {
			job.Writers = *cj.writers
		}
		if err := c.compared(&job, cj); err != nil {
			return nil, fmt.Errorf("read comparisons of job %s: %w", j.ID, err)
		}
		fresh[j.ID] = cj
		out = append(out, job)
	}
	c.jobs = fresh
	return out, nil
}

// terms gives each job its calendar's word of wall, and each slice whether it is asked for. It returns the jobs whose calendars can not be read, each
// once.
func (c *cache) terms(jobs []Job, over Overview, now time.Duration, wall time.Time) (unread []Job) {
	asked := make(map[fsm.Lease]time.Duration, len(over.Asked))
	for _, l := range over.Asked {
		since, known := c.asked[l]
		if !known || since > now {
			since = now
		}
		asked[l] = since
	}
	c.asked = asked
	if c.rested == nil {
		c.rested = map[partition.JobID]time.Duration{}
	}
	active, complained, days := map[partition.JobID]bool{}, map[partition.JobID]bool{}, map[dayKey]bool{}
	for i := range jobs {
		j := &jobs[i]
		j.Terms, active[j.ID] = over.Terms[j.ID], true
		windows := c.concerning(over.Windows, j)
		if !j.Terms.Calendar.Empty() || len(windows) > 0 {
			k := dayKey{j.ID, maintenance.Stamp(windows)}
			days[k] = true
			read := func() (*calendar.Calendar, error) { return maintenance.Calendar(j.Terms.Calendar, windows) }
			if j.Calendar, j.Unread = c.days.Of(k, read, wall); j.Unread != nil {
				if complained[j.ID] = true; !c.unread[j.ID] {
					unread = append(unread, *j)
				}
			}
		}
		if _, rests := j.rests(); rests {
			c.rested[j.ID] = now
		}
		rested, has := c.rested[j.ID]
		if len(asked) == 0 && !has {
			continue
		}
		j.Slices = slices.Clone(j.Slices)
		for k := range j.Slices {
			s := &j.Slices[k]
			if has {
				s.Idle = min(s.Idle, max(now-rested, 0))
			}
			if since, ok := asked[fsm.Lease{Slice: partition.SliceID{Job: j.ID, N: s.N}, Epoch: s.Epoch}]; ok && s.Status == fsm.SliceLeased {
				s.Asked, s.Waits = true, now-since
			}
		}
	}
	c.unread = complained
	maps.DeleteFunc(c.rested, func(id partition.JobID, _ time.Duration) bool { return !active[id] })
	c.days.Keep(func(k dayKey) bool { return days[k] })
	return unread
}

// concerning are the windows of maintenance that concern a job.
func (c *cache) concerning(all []fsm.Maintenance, j *Job) []fsm.Maintenance {
	if len(all) == 0 {
		return nil
	}
	cj := c.jobs[j.ID]
	if cj == nil {
		return maintenance.Concerning(all, j.Scopes())
	}
	if cj.scopes == nil {
		cj.scopes = j.Scopes()
	}
	return maintenance.Concerning(all, cj.scopes)
}

// held remembers who was given a slice, also when the slice is done before the next turn looks at it.
func (c *cache) held(g fsm.Grant) {
	cj := c.jobs[g.Slice.Job]
	if cj == nil {
		return
	}
	for _, l := range cj.lanes {
		if l.head < len(l.slices) && cj.slices[l.slices[l.head]].N == g.Slice.N {
			l.held = g.Owner
		}
	}
}

func (c *cache) load(j fsm.Job) (*cachedJob, error) {
	slices, err := c.book.Slices(j.ID)
	if err != nil {
		return nil, err
	}
	cj := &cachedJob{slices: slices}
	lanes := map[int32]*cachedLane{}
	for i, s := range slices {
		l := lanes[s.Partition]
		if l == nil {
			l = &cachedLane{}
			lanes[s.Partition] = l
			cj.lanes = append(cj.lanes, l)
		}
		l.slices = append(l.slices, i)
	}
	for _, l := range cj.lanes {
		l.skipDone(cj)
	}
	return cj, nil
}

// outdated reports whether more is done here than in the book: only a retry does that.
func (cj *cachedJob) outdated(j fsm.Job) bool {
	var fill, verify uint32
	for _, s := range cj.slices {
		switch {
		case s.Status != fsm.SliceDone:
		case s.Kind == partition.SliceVerify:
			verify++
		default:
			fill++
		}
	}
	return len(cj.slices) != int(j.Slices) || fill > j.FillDone || verify > j.VerifyDone
}

func (c *cache) wrote(j fsm.Job, cj *cachedJob) error {
	if j.State != fsm.JobVerifying {
		cj.writers = nil
		return nil
	}
	if cj.writers != nil {
		return nil
	}
	w, err := c.book.Writers(j.ID)
	if err == nil {
		cj.writers = &w
	}
	return err
}

func (l *cachedLane) skipDone(cj *cachedJob) {
	for l.head < len(l.slices) && cj.slices[l.slices[l.head]].Status == fsm.SliceDone {
		l.head++
	}
}

// follow reads the heads of all lanes, again and again until no head is found done.
func (c *cache) follow(j fsm.Job, cj *cachedJob, now time.Duration) error {
	todo := cj.lanes
	for len(todo) > 0 {
		var read []*cachedLane
		var ids []partition.SliceID
		for _, l := range todo {
			if l.head < len(l.slices) && j.Runs(cj.slices[l.slices[l.head]].Kind) {
				read = append(read, l)
				ids = append(ids, partition.SliceID{Job: j.ID, N: cj.slices[l.slices[l.head]].N})
			}
		}
		states, err := c.book.States(ids)
		if err != nil {
			return err
		}
		todo = todo[:0:0]
		for i, l := range read {
			l.update(&cj.slices[l.slices[l.head]], states[i], now)
			if states[i].Status == fsm.SliceDone {
				l.skipDone(cj)
				todo = append(todo, l)
			}
		}
	}
	return nil
}

func (l *cachedLane) update(s *Slice, st fsm.SliceState, now time.Duration) {
	s.Status, s.Owner, s.Epoch = st.Status, st.Owner, st.Epoch
	s.Attempts, s.NotBeforeUnixNanos = st.Attempts, st.NotBeforeUnixNanos
	if st.Owner != "" {
		l.held = st.Owner
	}
	s.Held = l.held
	if st.NotBeforeUnixNanos != l.before || now < l.since {
		l.before, l.since = st.NotBeforeUnixNanos, now
	}
	s.Waited = now - l.since
	if waits := st.Status == fsm.SliceWaiting; waits != l.waits || now < l.idle {
		l.waits, l.idle = waits, now
	}
	if s.Idle = 0; l.waits {
		s.Idle = now - l.idle
	}
}

// compared fills in the comparisons of a job whose verify slices are all done.
func (c *cache) compared(j *Job, cj *cachedJob) error {
	if j.State != fsm.JobVerifying || j.VerifyDone < j.VerifySlices {
		return nil
	}
	var ids []partition.SliceID
	for _, s := range cj.slices {
		if s.Kind == partition.SliceVerify {
			ids = append(ids, partition.SliceID{Job: j.ID, N: s.N})
		}
	}
	states, err := c.book.States(ids)
	if err != nil {
		return err
	}
	cs := make([]Compared, 0, len(states))
	for _, st := range states {
		if st.Comparison == nil {
			return nil // retried since the counters were read; the next turn sees them all
		}
		cs = append(cs, Compared{Comparison: *st.Comparison, Index: st.ModifyIndex})
	}
	j.Comparisons = cs
	j.ProofRecorded, err = c.book.HasProof(ProofID(j.ID, cs))
	return err
}
