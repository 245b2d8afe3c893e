package client

import (
	"errors"
	"fmt"
	"net/http"
)

// Codes of the API. They are printed, stored in scripts and looked up in runbooks: never change or reuse one. Those of the
// job spec are BST-E2xxx and live in replay/spec.
const (
	CodeInvalid        = "BST-E1001" // the request contradicts itself or the API
	CodeNotFound       = "BST-E1002" // no such job, slice, proof or member
	CodeNoLeader       = "BST-E1003" // no leader, or no quorum behind it
	CodeOutcomeUnknown = "BST-E1004" // proposed, and no answer: it may still happen
	CodeNotAllowed     = "BST-E1005"
	CodeWrongState     = "BST-E1006" // the object is not in a state that allows this
	CodeNeedsVersion   = "BST-E1007" // not every member can do this yet
	CodeInternal       = "BST-E1008"
	CodeExists         = "BST-E1009" // the same name with other content
	CodeKeyReused      = "BST-E1010" // an Idempotency-Key with another body
	CodeUnreachable    = "BST-E1011" // no address answered
	CodeTooLarge       = "BST-E1012"
	CodeNotReady       = "BST-E1013" // this node can not serve yet, or never again
	CodeTooOften       = "BST-E1014" // an address asks too often, or too much is asked at a time
	CodeOverlap        = "BST-E1101" // another job holds one of the locks
	CodeStalePlan      = "BST-E1107" // the world moved since the plan
	CodeOtherCluster   = "BST-E1108" // the plan was made for another cluster
	CodeWindowsMeet    = "BST-E1158" // two windows of maintenance of the same scope meet
	CodeWindow         = "BST-E1159" // a window of maintenance can not be meant
	CodeCalendar       = "BST-E1216" // the hours of a job can not be meant
	CodeCheckIndex     = "BST-E1109" // --check-index does not match
)

// Codes of who may do what.
const (
	CodeUnauthorized = "BST-E4101" // who asks is not known
	CodeForbidden    = "BST-E4102" // known, and without the role
	CodeSecondPerson = "BST-E4103" // somebody else has to say yes first
	CodeNoFirstToken = "BST-E4104" // tokens are wanted, and there is none yet
	CodeFirstToken   = "BST-E4105" // there is a first token already
	CodeTokenUnread  = "BST-E4106" // a token was made, and its text was in an answer that got lost
	CodeOwnRequest   = "BST-E4107" // whoever asks for a yes says it
	CodeClearToken   = "BST-E4108" // a token would travel in the clear
	CodeNoToken      = "BST-E4109" // what is named as a token is none
	CodeProvider     = "BST-E4121" // the identity provider can not be asked
	CodeSignIn       = "BST-E4122" // somebody could not sign in
	CodeNoSignIn     = "BST-E4123" // nobody signs in here
)

// Exit statuses of the command line; the only list of them.
const (
	ExitOK            = 0
	ExitFailed        = 1
	ExitUsage         = 2
	ExitPartly        = 3 // finished, with records in quarantine
	ExitDiffer        = 4 // verification failed: data differ
	ExitIndeterminate = 5 // nothing could be compared
	ExitRolledBack    = 6 // a flow failed, and what it had done was taken back
	ExitIncompatible  = 7 // a schema does not go together with another
	ExitWork          = 8 // plan found work, with --detailed-exitcode
	ExitHalfBack      = 9 // a flow failed, and not all of what it had done could be taken back
	ExitNotFound      = 10
	ExitConflict      = 11
	ExitNotAllowed    = 12
	ExitNoLeader      = 13
	ExitTimeout       = 124
	ExitInterrupted   = 130
)

// Problem is an RFC 9457 problem document (application/problem+json) with our own members.
type Problem struct {
	Type   string `json:"type,omitempty" doc:"URI of the kind of problem" example:"urn:backstitch:BST-E1002"`
	Title  string `json:"title" doc:"what happened"`
	Status int    `json:"status" doc:"HTTP status"`
	Detail string `json:"detail,omitempty" doc:"why, with the object"`
	Code   string `json:"code" doc:"stable"`
	Next   string `json:"next,omitempty" doc:"what to type next"`
	// Errors lists what schema validation found, one entry per place.
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one place in a request that was refused.
type ProblemField struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
	Value    any    `json:"value,omitempty"`
}

// Error is a failed call.
type Error struct {
	Problem
	// Node is the address that answered, "" when none did.
	Node string
	// Err is the transport's error when nobody answered.
	Err error
}

func (e *Error) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Title, e.Err)
	case e.Detail != "":
		return fmt.Sprintf("%s: %s: %s", e.Code, e.Title, e.Detail)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Title)
}

func (e *Error) Unwrap() error { return e.Err }

// ExitStatus is what a command that failed with e exits with. A known code decides, otherwise the HTTP status.
func (e *Error) ExitStatus() int {
	switch e.Code {
	case CodeInvalid, CodeTooLarge, CodeCalendar, CodeWindow:
		return ExitUsage
	case CodeNotFound:
		return ExitNotFound
	case CodeWrongState, CodeExists, CodeKeyReused, CodeOverlap, CodeStalePlan, CodeOtherCluster, CodeCheckIndex, CodeWindowsMeet:
		return ExitConflict
	case CodeNotAllowed, CodeUnauthorized, CodeForbidden, CodeSecondPerson, CodeNoFirstToken, CodeOwnRequest, CodeSignIn:
		return ExitNotAllowed
	case CodeFirstToken, CodeTokenUnread:
		return ExitConflict
	case CodeClearToken, CodeNoToken, CodeNoSignIn:
		return ExitUsage
	case CodeNoLeader, CodeUnreachable, CodeNotReady, CodeProvider:
		return ExitNoLeader
	case CodeOutcomeUnknown, CodeNeedsVersion, CodeInternal:
		return ExitFailed
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return ExitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return ExitNotAllowed
	case http.StatusNotFound:
		return ExitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return ExitConflict
	case http.StatusServiceUnavailable:
		return ExitNoLeader
	}
	return ExitFailed
}

// HasCode reports whether err is an *Error with that code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
