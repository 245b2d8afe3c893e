package engine

import "time"

// A target of files keeps a file for each commit, for ever. What makes commits small elsewhere makes them many there: a reference that trickles
// would leave a file a second, and a store that is slow files of 64 KiB. So for such a target
//
//   - a commit that time has ended doubles the time of the next one, up to longestQuiet: a reference that trickles leaves ten small files, and
//     then six an hour. A node that dies reads again at most as long as it has read, and never more than that time
//   - a store that is slow does not get commits of less than fewLeast

const (
	longestQuiet = 10 * time.Minute
	fewLeast     = paceFirst
)

// waited learns from a commit that is ended by every or by something else.
func (e *Engine) waited() {
	small := e.pending.records < e.cfg.CommitRecords && e.pending.bytes < e.pace.bytes
	if e.cfg.FewCommits && small && e.ends.Now().Sub(e.pending.since) >= e.every {
		e.every = max(e.every, min(2*e.every, longestQuiet))
	}
}
