// Package incident is what a post-mortem asks about one job: what was lost, why, what happened when, who decided what, and what proves that it is
// back. It is made of a report or, before there is one, of the book, and written as Markdown to be pasted into a ticket. The web page shows the same.
//
// What is not here: where the words come from (replay/report, and cluster/admin/ui for a job without a proof).
package incident

import "time"

// Report is one incident.
type Report struct {
	Title    string // namespace and name of the job
	Job      string
	Verdict  string // of the proof: pass, fail, indeterminate; "" where there is none yet
	Summary  string // one sentence
	Facts    []Fact
	Lost     []Loss
	Why      []string
	Timeline []Event
	Decided  []Decision
	Checks   []Check
	Unseen   []string // what nobody has checked
	Commands []Command
	Runbook  string // a path in the project
}

// Fact is a name and what it is.
type Fact struct{ Name, Value string }

// Loss is what one partition had lost.
type Loss struct {
	Partition   string
	Records     int64
	Back        int64     // of them are in the target; -1 while nobody has compared
	First, Last time.Time // of the records' own timestamps; zero where there are none
	State       string    // of the comparison, or of the work
}

// Event is something that happened.
type Event struct {
	At             time.Time
	Who, What, Why string
}

// Decision is what a person or a policy has settled.
type Decision struct {
	What, By, Why string
	At            time.Time // zero where nobody knows
}

// Check is one line of a proof.
type Check struct{ Name, Expected, Actual, Result string }

// Command is one to type, and what for.
type Command struct{ For, Run string }

// Records is how many records were lost.
func (r Report) Records() (n int64) {
	for _, l := range r.Lost {
		n += l.Records
	}
	return n
}

// Span is from the first record that was lost to the last, by the records' own timestamps; both are zero where they have none.
func (r Report) Span() (from, to time.Time) {
	for _, l := range r.Lost {
		if l.First.IsZero() && l.Last.IsZero() {
			continue
		}
		if from.IsZero() || l.First.Before(from) {
			from = l.First
		}
		if l.Last.After(to) {
			to = l.Last
		}
	}
	return from, to
}
