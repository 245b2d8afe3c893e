package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/replay/connect"
	"backstitch/replay/gap/deadletter"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/source"
	"backstitch/storage"
)

// Codes of the command line itself. Those of the API are in cluster/client, of connections in replay/connect, of job specs in
// replay/spec, of plans in replay/recovery. Never change or reuse one.
const (
	codeUsage          = "BST-E4001"
	codeNeedsYes       = "BST-E4002" // a question, and nobody to ask
	codeTimeout        = "BST-E4003"
	codeInterrupted    = "BST-E4004"
	codeReadOnly       = "BST-E4005"
	codeConfig         = "BST-E4006" // the agent's configuration
	codeDeclined       = "BST-E4007" // a person said no
	codeJobFailed      = "BST-E4008"
	codeSandbox        = "BST-E4009"
	codeDemo           = "BST-E4010"
	codeFile           = "BST-E4011" // a file that was named can not be read or written
	codeNewer          = "BST-E0202" // of storage; its error for the whole directory has no field for it
	codeTopic          = "BST-E4012"
	codeRecreated      = "BST-E4013" // an archive holds records of a topic of the same name that is gone
	codePartly         = "BST-E4014" // a job is complete but for something that it says
	codeReport         = "BST-E4015" // a report and the book, or a report and a plan, do not belong together
	codeChaosRefused   = "BST-E4016" // a story can not be told to this cluster
	codeChaosBroken    = "BST-E4017"
	codeChaosNothing   = "BST-E4018" // a run has shown nothing
	codeGroup          = "BST-E4030" // no such consumer group
	codeTooMany        = "BST-E4031" // more to keep in memory than allowed
	codeNoObjects      = "BST-E4040" // two buckets were compared, and no object could be
	codeNothingDue     = "BST-E4041" // a topic and its archive were compared, and no record was due
	codeFragmented     = "BST-E4060" // two topics are in step nowhere for long, so that a map of their offsets would not fit
	codeNothingPaired  = "BST-E4061" // two topics have no record in common
	codeNoOffsets      = "BST-E4062" // an archive does not know the offsets of its records
	codeSample         = "BST-E4050" // two versions of a spec were compared, and no record was
	codeNotAside       = "BST-E4051" // a job has no such record in quarantine, or the reference has it no more
	codeOtherEnds      = "BST-E4052" // a mended spec is about another reference or target
	codeDiscarded      = "BST-E4053" // a record of a quarantine is given up, and so not put back; or it is not, and can not be taken back
	codeTrailBroken    = "BST-E4090" // an audit trail is not what was written
	codeTrailsDiffer   = "BST-E4091" // nodes do not have one audit trail
	codeNotTrail       = "BST-E4092" // a file is no audit trail
	codeNoTrail        = "BST-E4093" // there was no record to check, or a node could not be asked
	codeBaseline       = "BST-E4054" // a file of baselines is none, or not that of this topic
	codeCompacted      = "BST-E4055" // hours of a compacted topic say nothing of others
	codeProfile        = "BST-E4110" // a file is no profile of a topic
	codeTopicExists    = "BST-E4111" // a replica is not written into a topic that is there
	codeNothingToLearn = "BST-E4112" // there is no record to learn from
	codeNoRehearsal    = "BST-E4113" // a spec asks for what a rehearsal does not have
	codeRehearsal      = "BST-E4114" // a rehearsal did not find, bring back or prove everything
	codeRehearsalSLA   = "BST-E4115" // it did, and took too long
	codeNoSchema       = "BST-E4116" // a schema that values name, or come out under, can not be had
	codeSchemaKind     = "BST-E4117" // no values of a schema can be made
	codeFlowFailed     = "BST-E3401"
	codeFlowCancelled  = "BST-E3402"
	codeFlowPartly     = "BST-E3403" // only steps failed that may
	codePrograms       = "BST-E0208" // the journal of programs that flows run can not be used
	codeFlowBack       = "BST-E1217" // it failed and was rolled back
	codeFlowHalfBack   = "BST-E1218" // it failed and could not be rolled back whole
	codeFailed         = "BST-E4099" // anything without a code of its own
)

// Codes of schema, beside those of registries in replay/connect.
const (
	codeIncompatible  = "BST-E3310" // a schema that is not to be registered: what was written can not be read
	codeUndecided     = "BST-E3311" // or that is not known
	codeNoSubject     = "BST-E3312" // no such subject or version
	codeNotASchema    = "BST-E3313" // a text that is no schema, or refers to what is not there
	codeSchemaRefused = "BST-E3314" // the registry does not take it
	codeSameRegistry  = "BST-E3316" // a subject is to be copied onto itself
	codeCopyStopped   = "BST-E3317" // a copy of a subject has stopped on its way
	codeReadBack      = "BST-E3315" // the registry has something else than was sent
)

var errTimeout = errors.New("the time given with --timeout is over")

// failure is an error in the form that people get: what, why, what next.
type failure struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	Next   string `json:"next,omitempty"`
	Exit   int    `json:"exit"`
	Err    error  `json:"-"`
}

func (f *failure) Error() string {
	if f.Detail == "" {
		return f.Title
	}
	return f.Title + ": " + f.Detail
}

func (f *failure) Unwrap() error { return f.Err }

// exitStatus ends a command whose output has said everything already, e.g. a verify that failed.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func usage(cmd *cobra.Command, err error) error {
	return &failure{
		Code: codeUsage, Title: "usage: " + err.Error(), Detail: "backstitch can not tell what to do from this command line.",
		Next: cmd.CommandPath() + " --help", Exit: client.ExitUsage, Err: err,
	}
}

func interrupted() error {
	return &failure{Code: codeInterrupted, Title: "interrupted", Exit: client.ExitInterrupted}
}

// report prints err to stderr and returns the exit status. With -o json and its kin the last line is one JSON object.
func (a *app) report(cmd *cobra.Command, err error) int {
	f := explain(err)
	if f.Next == "" && cmd != nil && f.Exit == client.ExitUsage {
		f.Next = cmd.CommandPath() + " --help"
	}
	if a.output == "json" || a.output == "jsonl" {
		line, _ := json.Marshal(struct {
			Type string `json:"type"`
			*failure
		}{"error", f})
		fmt.Fprintf(a.stderr, "%s\n", line)
		return f.Exit
	}
	fmt.Fprintf(a.stderr, "%s %s: %s\n", a.paint(red, "Error"), f.Code, f.Title)
	for line := range strings.Lines(f.Detail) {
		fmt.Fprintf(a.stderr, "  %s\n", strings.TrimRight(line, "\n"))
	}
	if f.Next != "" {
		fmt.Fprintf(a.stderr, "  Next: %s\n", f.Next)
	}
	return f.Exit
}

// Any room may give its errors these; the first that an error chain has is used.
type (
	coder   interface{ ErrorCode() string }
	exiter  interface{ ExitStatus() int }
	advisor interface{ Next() string }
)

// explain turns any error into a failure.
func explain(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var api *client.Error
	if errors.As(err, &api) {
		if f := handshake(api); f != nil {
			return f
		}
		out := &failure{Code: api.Code, Title: api.Title, Detail: api.Detail, Next: api.Next, Exit: api.ExitStatus(), Err: err}
		if api.Err != nil {
			out.Detail = api.Detail + ": " + api.Err.Error()
		}
		for _, e := range api.Errors {
			out.Detail += fmt.Sprintf("\n%s: %s", e.Location, e.Message)
		}
		return out
	}
	var con *connect.Error
	if errors.As(err, &con) {
		out := &failure{Code: con.Code, Title: con.Object + " can not be used", Detail: con.Err.Error(), Next: con.Hint, Exit: client.ExitFailed, Err: err}
		switch con.Code {
		case connect.CodeConfig, connect.CodeSecret:
			out.Exit = client.ExitUsage
		case connect.CodeKafkaLogin, connect.CodeKafkaDenied, connect.CodeStoreLogin, connect.CodeRegistryLogin:
			out.Exit = client.ExitNotAllowed
		case connect.CodeStoreMissing:
			out.Exit = client.ExitNotFound
		}
		return out
	}
	var node *cluster.Error
	if errors.As(err, &node) {
		out := &failure{Code: node.Code, Title: node.Object + ": " + node.Kind.Error(), Next: node.Hint, Exit: client.ExitFailed, Err: err}
		if errors.Is(node.Kind, cluster.ErrConfig) {
			out.Title = node.Object + " can not be used"
		}
		if node.Cause != nil {
			out.Detail = node.Cause.Error()
		}
		return out
	}
	var stored *storage.Error
	if errors.As(err, &stored) {
		out := &failure{Code: stored.Code, Title: stored.Object + ": " + stored.Kind.Error(), Next: stored.Hint, Exit: client.ExitFailed, Err: err}
		if stored.Cause != nil {
			out.Detail = stored.Cause.Error()
		}
		return out
	}
	var newer *storage.NewerFormatError
	if errors.As(err, &newer) {
		return &failure{
			Code: codeNewer, Title: newer.Dir + ": " + storage.ErrNewer.Error(), Exit: client.ExitFailed, Err: err,
			Detail: fmt.Sprintf("The data have format %d, written by backstitch %s; this program reads up to format %d. Nothing was changed.", newer.Have, newer.Line, newer.Want),
			Next:   fmt.Sprintf("start backstitch %s or newer here; to go back, set %s aside and let the node rejoin", newer.Line, newer.Dir),
		}
	}
	var c coder
	if errors.Is(err, klog.ErrUnknownTopic) && !errors.As(err, &c) {
		return &failure{
			Code: codeTopic, Title: err.Error(), Exit: client.ExitNotFound, Err: err,
			Next: "check the name, and that this principal may describe it",
		}
	}
	if errors.Is(err, kgroup.ErrNoGroup) {
		return &failure{
			Code: codeGroup, Title: err.Error(), Exit: client.ExitNotFound, Err: err,
			Detail: "Kafka forgets a group that has no members after offsets.retention.minutes, and its commits with it.",
			Next:   "check the name, and that this principal may describe it: backstitch forecast --kafka HOST:9092 --all",
		}
	}
	if errors.Is(err, sequence.ErrTooMany) {
		return &failure{
			Code: codeTooMany, Title: sequence.ErrTooMany.Error(), Detail: err.Error(), Exit: client.ExitFailed, Err: err,
			Next: "narrow --range; is --source really who sent it, and --sequence a number that rises by one?",
		}
	}
	if errors.Is(err, deadletter.ErrTooMany) {
		return &failure{
			Code: codeTooMany, Title: deadletter.ErrTooMany.Error(), Detail: err.Error(), Exit: client.ExitFailed, Err: err,
			Next: "is it a dead-letter topic of Kafka Connect?",
		}
	}
	if errors.Is(err, klog.ErrDenied) {
		return &failure{
			Code: connect.CodeKafkaDenied, Title: "Kafka does not allow this", Detail: err.Error(), Exit: client.ExitNotAllowed, Err: err,
			Next: "grant DESCRIBE on the topic and the group, and READ where records are read",
		}
	}
	if errors.Is(err, source.ErrRecreated) && !errors.As(err, &c) {
		return &failure{
			Code: codeRecreated, Title: source.ErrRecreated.Error(), Detail: err.Error(), Exit: client.ExitConflict, Err: err,
			Next: "archive into another prefix; what is in this one stays usable",
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTimeout) {
		return &failure{
			Code: codeTimeout, Title: errTimeout.Error(), Detail: "Jobs go on without us.", Next: "backstitch status",
			Exit: client.ExitTimeout, Err: err,
		}
	}
	if errors.Is(err, context.Canceled) {
		return &failure{Code: codeInterrupted, Title: "interrupted", Exit: client.ExitInterrupted, Err: err}
	}
	out := &failure{Code: codeFailed, Title: err.Error(), Exit: client.ExitFailed, Err: err}
	if errors.As(err, &c) {
		out.Code = c.ErrorCode()
	}
	var x exiter
	if errors.As(err, &x) {
		out.Exit = x.ExitStatus()
	}
	var n advisor
	if errors.As(err, &n) {
		out.Next = n.Next()
	}
	out.Title, out.Detail = split(out.Title)
	return out
}

// split makes the title of an error's first line, and the detail of the rest.
func split(text string) (title, detail string) {
	title, detail, _ = strings.Cut(text, "\n")
	return title, detail
}
