// Package refusal is how a package says no to a person: what, why, and what to type next, under a stable code and with the status that a
// program ends with. The codes are the packages' own; docs/errors.md has a row for each.
package refusal

// Error is a refusal that a person reads.
type Error struct {
	Code  string // stable, such as BST-E1120
	Title string // what is refused, with the name of the object
	Why   string // "" where the title says it
	Hint  string // what to type next
	Exit  int    // status that a program ends with
	Err   error  // the cause, nil for none
	Field string // of a spec that asks for what is refused, such as spec.sla.recoverWithin; "" where none does by itself
}

// Error returns title and reason on lines of their own.
func (e *Error) Error() string {
	if e.Why == "" {
		return e.Title
	}
	return e.Title + "\n" + e.Why
}

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the stable code.
func (e *Error) ErrorCode() string { return e.Code }

// ExitStatus returns the status that a program ends with.
func (e *Error) ExitStatus() int { return e.Exit }

// Next says what to type.
func (e *Error) Next() string { return e.Hint }
