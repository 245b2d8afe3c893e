package regroup

import "backstitch/replay/refusal"

// Codes of errors. They are stable, and of the command line's family: no cluster of ours has a part in moving a group.
const (
	CodeNoPosition = "BST-E4063" // the group has no position in the topic
	CodeActive     = "BST-E4064" // the group has members
	CodeMoved      = "BST-E4065" // a position is not what the file says
	CodeOther      = "BST-E4066" // another cluster, another topic of that name, or a log that does not reach back to the new position
	CodePartly     = "BST-E4067" // some partitions were not moved
	CodeUnknown    = "BST-E4068" // what was written could not be read back
	CodeNotFile    = "BST-E4069" // the file is not what it is taken for
	CodeEdited     = "BST-E4070" // the file was changed after it was written
	CodeNewer      = "BST-E4071" // a newer program wrote the file
	CodeOverwrite  = "BST-E4072" // the file to write is something else
	CodeNothing    = "BST-E4073" // no partition can be moved
)

// Codes of notes of a plan.
const (
	NoteMembers = "BST-P225" // the group has members
	NoteAgain   = "BST-P226" // records are seen again
	NoteMissing = "BST-P227" // records that the group has not seen are not in the topic
	NotePassed  = "BST-P228" // records that only the topic has are passed over
	NoteGone    = "BST-P229" // retention took records before the group came to them
)

// Exit statuses.
const (
	exitFailed        = 1
	exitUsage         = 2
	exitPartly        = 3
	exitIndeterminate = 5
	exitNotFound      = 10
	exitConflict      = 11
)

// Error is a refusal that a person reads: what, why, what to type next.
type Error = refusal.Error
