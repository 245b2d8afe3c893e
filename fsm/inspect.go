package fsm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"backstitch/partition"
	"backstitch/storage"
)

// Looking at a whole book: verification, counts, and a dump that two replicas can be compared by.

// VerifyState reads the whole book and checks every checksum and every type, that nothing of a job is missing, and that
// the lease indexes agree with the slices. A fault latches the machine and is storage.ErrDamaged with a name.
func (m *Machine) VerifyState(ctx context.Context) error {
	v := m.View()
	err := v.verify(ctx)
	if closeErr := v.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (v *View) verify(ctx context.Context) error {
	if v.err != nil {
		return v.err
	}
	c := census{jobs: map[partition.JobID]*jobCensus{}}
	for e, err := range v.scan(nil, nil) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = c.count(e)
		}
		if err != nil {
			return v.failed(err)
		}
	}
	return v.failed(c.check())
}

// census holds the counts that have to agree.
type census struct {
	jobs         map[partition.JobID]*jobCensus
	leased       int // slices whose state says so
	owned        int // entries of the node index
	jobLeases    int // entries of the job index
	active       int // jobs that are not terminal
	activeListed int
}

type jobCensus struct {
	job                        *Job
	slices, states, laneSlices uint32
	fillDone, verifyDone       uint32
	failed                     uint32
	frozen                     bool
}

func (c *census) of(id partition.JobID) *jobCensus {
	j := c.jobs[id]
	if j == nil {
		j = &jobCensus{}
		c.jobs[id] = j
	}
	return j
}

func (c *census) count(e entry) error {
	k := kind(e.key[0])
	value := k.newValue()
	if value == nil {
		return fmt.Errorf("%s is not known to this program: %w", keyName(e.key), storage.ErrNewer)
	}
	if err := unseal(e.key, e.value, value); err != nil {
		return err
	}
	switch v := value.(type) {
	case *Job:
		c.of(v.ID).job = v
		if !v.State.Terminal() {
			c.active++
		}
	case *jobFrozen:
		c.of(partition.JobID(e.key[1:])).frozen = true
	case *partition.Slice:
		c.of(v.ID.Job).slices++
	case *SliceState:
		c.state(v)
	case *leaseHolder:
		c.jobLeases++
	case *mark:
		switch k {
		case kindOwned:
			c.owned++
		case kindJobActive:
			c.activeListed++
		case kindLaneSlice:
			c.of(partition.JobID(e.key[1:len(e.key)-9])).laneSlices++
		}
	}
	return nil
}

func (c *census) state(s *SliceState) {
	j := c.of(s.ID.Job)
	j.states++
	switch {
	case s.Status == SliceLeased:
		c.leased++
	case s.Status == SliceFailed:
		j.failed++
	case s.Status == SliceDone && s.Kind == partition.SliceVerify:
		j.verifyDone++
	case s.Status == SliceDone:
		j.fillDone++
	}
}

func (c *census) check() error {
	for _, id := range slices.Sorted(maps.Keys(c.jobs)) {
		if why := c.jobs[id].check(); why != "" {
			return storage.Damaged("book of record, job "+string(id), fmt.Errorf("%s", why))
		}
	}
	if c.leased != c.owned || c.leased != c.jobLeases {
		return storage.Damaged("book of record, leases",
			fmt.Errorf("%d slices are leased, nodes hold %d and jobs %d", c.leased, c.owned, c.jobLeases))
	}
	if c.active != c.activeListed {
		return storage.Damaged("book of record, active jobs", fmt.Errorf("%d jobs are active, %d are listed", c.active, c.activeListed))
	}
	return nil
}

func (j *jobCensus) check() string {
	switch {
	case j.job == nil:
		return "it has slices or a recipe and is missing"
	case !j.frozen:
		return "its recipe is missing"
	case j.slices != j.job.Added || j.states != j.job.Added || j.laneSlices != j.job.Added:
		return fmt.Sprintf("it has %d slices, and there are %d, %d states and %d in lanes", j.job.Added, j.slices, j.states, j.laneSlices)
	case j.fillDone != j.job.FillDone || j.verifyDone != j.job.VerifyDone || j.failed != j.job.FailedSlices:
		return fmt.Sprintf("it says %d filled, %d compared, %d failed, and there are %d, %d and %d",
			j.job.FillDone, j.job.VerifyDone, j.job.FailedSlices, j.fillDone, j.verifyDone, j.failed)
	}
	return ""
}

// Kinds counts the entries of the book by kind.
func (v *View) Kinds() ([]KindInfo, error) {
	if v.err != nil {
		return nil, v.err
	}
	counts := map[kind]*KindInfo{}
	for e, err := range v.scan(nil, nil) {
		if err != nil {
			return nil, v.failed(err)
		}
		k := kind(e.key[0])
		if counts[k] == nil {
			counts[k] = &KindInfo{Name: k.String()}
		}
		counts[k].Entries++
		counts[k].Bytes += uint64(len(e.key) + len(e.value))
	}
	return kindInfos(counts), nil
}

// kindInfos joins the kinds that have one name and sorts by it.
func kindInfos(counts map[kind]*KindInfo) []KindInfo {
	byName := map[string]KindInfo{}
	for _, c := range counts {
		sum := byName[c.Name]
		byName[c.Name] = KindInfo{Name: c.Name, Entries: sum.Entries + c.Entries, Bytes: sum.Bytes + c.Bytes}
	}
	var out []KindInfo
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}

// Dump writes every entry as one line of text with its value as JSON, in key order. Two replicas at the same index dump the same bytes.
func (v *View) Dump(w io.Writer) error {
	if v.err != nil {
		return v.err
	}
	if _, err := fmt.Fprintf(w, "index %d term %d digest %x\n", v.at.Index, v.at.Term, v.at.Digest); err != nil {
		return err
	}
	for e, err := range v.scan(nil, nil) {
		var value any
		if err == nil {
			if value = kind(e.key[0]).newValue(); value != nil {
				err = unseal(e.key, e.value, value)
			}
		}
		if err != nil {
			return v.failed(err)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("dump %s: %w", keyName(e.key), err)
		}
		if _, err := fmt.Fprintf(w, "%s %q %s\n", kind(e.key[0]), e.key[1:], text); err != nil {
			return err
		}
	}
	return nil
}

// WriteTo prints the counts of a snapshot as a table for people.
func (i SnapshotInfo) WriteTo(w io.Writer) (int64, error) {
	c := &counting{w: w}
	t := tabwriter.NewWriter(c, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "index\t%d\nterm\t%d\ndigest\t%x\ncluster version\t%d\nentries\t%d\nbytes\t%d\n",
		i.Index, i.Term, i.Digest, i.Version, i.Entries, i.Bytes)
	for _, k := range i.Kinds {
		fmt.Fprintf(t, "%s\t%d\t%d bytes\n", k.Name, k.Entries, k.Bytes)
	}
	err := t.Flush()
	return c.n, err
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
