package worker

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/rule"
	"backstitch/replay/scan"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// Failure is why a slice failed, for the book and for people.
type Failure struct {
	Code  string // stable, "BST-E5..."
	Err   error
	Hint  string // what to do next
	Retry bool   // running the slice again may help without anybody doing anything
}

var (
	errKind      = errors.New("unknown kind of slice")
	errForgotten = errors.New("it is forgotten, and with it where something is missing")
	errInvalid   = errors.New("the book refused the outcome")
)

// failures are tried in order. Whatever is not among them is a passing trouble of the network or of a server: retried.
var failures = []struct {
	is    error
	code  string
	retry bool
	hint  string
}{
	{source.ErrChanged, "BST-E5101", false, "an object of the archive was replaced since the plan: make a new plan"},
	{source.ErrGone, "BST-E5102", false, "an object of the archive was deleted since the plan: restore it and retry the job, or make a new plan"},
	{source.ErrRecreated, "BST-E5103", false, "the source topic was deleted and created again: make a new plan"},
	{source.ErrRetention, "BST-E5104", false, "retention overtook the repair: make a new plan from another source"},
	{engine.ErrQuarantine, "BST-E5105", false, "look at the quarantine list; raise write.maxQuarantine when these records may stay missing"},
	{rule.ErrNulls, recovery.CodeNulls, false, "the reference is not what the plan judged: look at it, and make a new plan"},
	{sink.ErrRecreated, "BST-E5201", false, "the target was deleted and created again since the plan: make a new plan"},
	{sink.ErrReshaped, recovery.CodeReshaped, false, "partitions were added to the target, and keys go elsewhere now: cancel the job, and fill a new topic by a new plan"},
	{sink.ErrNoTarget, "BST-E5202", false, "create the target topic, partition, directory or bucket and retry the job"},
	{bucket.ErrNotConditional, connect.CodeStoreUnsafe, false, "the store lets two writers have one name: use one that honours If-None-Match, and make a new plan"},
	{sink.ErrDenied, "BST-E5203", false, "grant the agent's principal WRITE on the topic and on transactional ids, and READ on groups, that begin with backstitch/; then retry the job"},
	{sink.ErrProgress, "BST-E5204", false, "the progress kept in the target can not be used: cancel the job and make a new plan"},
	{engine.ErrProgressLost, "BST-E5205", false, "the target has forgotten this job's progress, e.g. its group offsets expired: cancel the job and make a new plan"},
	{open.ErrRecipe, "BST-E5301", false, "run agents of the version that made the plan"},
	{scan.ErrRecipe, "BST-E5301", false, "run agents of one version"},
	{errKind, "BST-E5302", false, "run agents of the version that made the plan"},
	{errForgotten, "BST-E5304", false, "the next scan makes another plan; let more scans be kept: --keep"},
	{errInvalid, "BST-E5303", false, "run agents of one version; when they are, report it with the agent's log"},
	{context.DeadlineExceeded, "BST-E5901", true, "the source or the target did not answer in time; it is tried again"},
}

// starved are the errors of an agent that has too little of something. They say nothing about the job: another agent may have
// enough, and so may this one later. They come from anywhere, also from reading a file of the configuration.
var starved = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS}

// Classify says what a slice's error means.
func Classify(err error) Failure {
	for _, s := range starved {
		if errors.Is(err, s) {
			return Failure{Code: "BST-E5902", Err: err, Retry: true,
				Hint: "the agent may not open that many files or has no memory left; it is tried again. Raise its limits, e.g. LimitNOFILE"}
		}
	}
	var conn *connect.Error
	if errors.As(err, &conn) {
		down := conn.Code == connect.CodeKafkaDown || conn.Code == connect.CodeStoreDown
		return Failure{Code: conn.Code, Err: err, Hint: conn.Hint, Retry: down}
	}
	var refused *recovery.Error
	if errors.As(err, &refused) {
		return Failure{Code: refused.Code, Err: err, Hint: refused.Hint}
	}
	for _, f := range failures {
		if errors.Is(err, f.is) {
			return Failure{Code: f.code, Err: err, Hint: f.hint, Retry: f.retry}
		}
	}
	return Failure{Code: "BST-E5900", Err: err, Hint: "it is tried again; look at the agent's log when it stays", Retry: true}
}

// Retryable reports whether running a slice again may help.
func Retryable(err error) bool { return Classify(err).Retry }

// maxFailureBytes is what the book takes.
const maxFailureBytes = 4 << 10

// Text is what the book keeps: code, error and hint.
func (f Failure) Text() string {
	text := fmt.Sprintf("%s: %v", f.Code, f.Err)
	hint := "; " + f.Hint
	if len(text)+len(hint) > maxFailureBytes {
		text = text[:maxFailureBytes-len(hint)]
	}
	return text + hint
}
