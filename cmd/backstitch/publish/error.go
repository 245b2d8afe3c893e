package publish

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/refusal"
)

// Codes of what is refused here. They are of the command line's family and never change.
const (
	CodeUnfinished = "BST-E4080" // another publication or rollback of the alias is not finished
	CodeInPlace    = "BST-E4081" // records in a live topic can not be taken back
	CodeSuperseded = "BST-E4082" // a later job was published, or has written behind the job
	CodeRunning    = "BST-E4083" // the job is not over
	CodeNowhere    = "BST-E4084" // groups are to move, and it is not known from where
	CodeOtherPlace = "BST-E4085" // the target is not the one that the job wrote
	CodeUnproved   = "BST-E4087" // the job has no passing proof, or was rolled back
	CodeNotDone    = "BST-E4086" // what was begun could not be ended
	CodeOtherKafka = "BST-E4088" // a topic is looked for in a Kafka that it is not in
)

// Error is a refusal that a person reads: what, why, what to type next.
type Error = refusal.Error

func unfinished(alias string, open client.AliasVersion, what string) error {
	return &Error{Code: CodeUnfinished, Title: fmt.Sprintf("the %s of job %s as %s is not finished", what, open.Job, alias), Exit: client.ExitConflict,
		Why:  "Its consumer groups are on their way: " + strings.Join(open.Groups, ", ") + ".",
		Hint: fmt.Sprintf("backstitch rollback %s     takes it back     or the publication once more: backstitch publish %s --as %s", open.Job, open.Job, alias)}
}

func builtUpon(job partition.JobID, later []partition.JobID) error {
	slices.Sort(later)
	later = slices.Compact(later)
	var list []string
	for _, j := range later {
		list = append(list, string(j))
	}
	return &Error{Code: CodeSuperseded, Title: fmt.Sprintf("later jobs have written behind job %s: %s", job, strings.Join(list, ", ")), Exit: client.ExitConflict,
		Why:  "What they left out they left out because it was there; without it they would not be complete.",
		Hint: "backstitch rollback " + list[len(list)-1] + "     first"}
}

// stopped says how to go on where err has stopped a command, for errors that do not say it themselves.
func stopped(err error, title, again string) error {
	return &Error{Code: CodeNotDone, Title: title, Why: err.Error(), Hint: again, Exit: client.ExitFailed, Err: err}
}
