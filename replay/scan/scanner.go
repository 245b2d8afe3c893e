package scan

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/schema/compat"
	"backstitch/replay/throttle"
)

// Scanner does the slices of scans, and makes plans of what they found. It satisfies worker.Scanner and is safe for concurrent use.
type Scanner struct {
	// Cluster, if set, is the id of the cluster that plans are made for. Set it before the first use.
	Cluster func() string

	clients func(pace *throttle.Limiter) recovery.Clients
	config  gap.Config
	now     func() time.Time

	mu    sync.Mutex
	paces map[partition.JobID]*pace
}

// pace is the rate that the slices of one scan share.
type pace struct {
	limiter *throttle.Limiter
	users   int
}

// New makes a scanner. clients opens ends whose archives are read at the given pace.
func New(clients func(*throttle.Limiter) recovery.Clients, config gap.Config, now func() time.Time) *Scanner {
	return &Scanner{clients: clients, config: config, now: now, paces: make(map[partition.JobID]*pace)}
}

// take returns the scan's rate and what gives it back.
func (s *Scanner) take(w fsm.Work) (*throttle.Limiter, func()) {
	id := w.Slice.ID.Job
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.paces[id]
	if p == nil {
		p = &pace{limiter: throttle.New(w.RateBytes)}
		s.paces[id] = p
	}
	p.users++
	return p.limiter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.users--; p.users == 0 {
			delete(s.paces, id)
		}
	}
}

// Survey finds out what the scan of w has to compare.
func (s *Scanner) Survey(ctx context.Context, w fsm.Work) (fsm.Survey, error) {
	r, err := Spec(w.Recipe)
	if err != nil {
		return fsm.Survey{}, err
	}
	limiter, give := s.take(w)
	defer give()
	found, parts, err := recovery.LookOver(ctx, r, s.clients(limiter), recovery.Options{Now: s.now, Scan: s.config, Pace: limiter})
	if err != nil {
		return fsm.Survey{}, err
	}
	var out fsm.Survey
	if out.Header, err = json.Marshal(found); err != nil {
		return out, fmt.Errorf("encode the survey: %w", err)
	}
	for _, p := range parts {
		out.Partitions = append(out.Partitions, fsm.SurveyPart{Partition: p.Partition, Bytes: p.Bytes})
	}
	return out, nil
}

// Scan compares the partition of w, and returns which schemas its records name beside what it found. progress is told of each stretch that
// was read, from any goroutine.
func (s *Scanner) Scan(ctx context.Context, w fsm.Work, progress func(records, bytes int64)) (fsm.ScanPart, []fsm.SeenSchema, error) {
	r, expected, err := read(w.Recipe)
	if err != nil {
		return fsm.ScanPart{}, nil, err
	}
	var survey recovery.Survey
	if err := json.Unmarshal(w.Survey, &survey); err != nil {
		return fsm.ScanPart{}, nil, fmt.Errorf("read the survey: %w: %w", ErrRecipe, err)
	}
	watch := recovery.Watch{Known: w.Schemas}
	if expected != nil {
		watch.Expect = expected.Expect
		if expected.Mode != "" {
			if watch.Mode, err = compat.ParseMode(expected.Mode); err != nil {
				return fsm.ScanPart{}, nil, fmt.Errorf("%w: %w", ErrRecipe, err)
			}
		}
	}
	limiter, give := s.take(w)
	defer give()
	config := s.config
	config.Progress = func(p gap.Progress) { progress(p.Records, p.Bytes) }
	part, err := recovery.ScanPart(ctx, r, &survey, w.Slice.Partition, s.clients(limiter), recovery.Options{Now: s.now, Scan: config, Pace: limiter, Watch: &watch})
	if err != nil {
		return fsm.ScanPart{}, nil, err
	}
	out := fsm.ScanPart{Partition: w.Slice.Partition, UnixNanos: s.now().UnixNano(), Counts: counts(part)}
	out.Body, out.Truncated, err = gap.EncodePart(part, fsm.MaxScanBody)
	return out, watch.Seen, err
}

// counts are exact: they are made before anything is cut.
func counts(p *gap.Part) fsm.ScanCounts {
	r := &p.Result
	c := fsm.ScanCounts{
		Compared: r.Expected.Records, Matched: r.Actual.Records, Target: r.TargetTo - r.TargetFrom, Missing: r.MissingRecords,
		MissingBytes: r.MissingBytes, Duplicates: r.Duplicates, Extra: r.Extra, Findings: int64(p.Found),
	}
	if r.Comparable {
		c.Comparable = 1
	}
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt || f.Kind == gap.NotComparable {
			c.Unknown++
		}
	}
	return c
}
