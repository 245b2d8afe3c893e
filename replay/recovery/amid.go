package recovery

import (
	"errors"
	"fmt"

	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// amid explains why a scan ended whose target went away under it. What was compared until then is no result.
func (b *builder) amid(err error) error {
	target := targetName(b.recipe.Target)
	if errors.Is(err, sink.ErrProgress) {
		return &Error{Code: CodeSpoiled, Title: "the target " + target + " is not what was written into it", Exit: exitConflict,
			Why: err.Error(), Hint: "restore the file that is named, from a version or a backup, or write into another place", Err: err}
	}
	for _, m := range []struct {
		is          error
		title, hint string
	}{
		// A topic that was made anew is first of all one that is not there.
		{sink.ErrRecreated, "was deleted and created again", "scan again: contents are compared, not offsets"},
		{sink.ErrNoTarget, "was deleted", "create the topic with as many partitions as the reference has, and scan again"},
		{source.ErrRetention, "loses its oldest records faster than they are read", "raise the topic's retention, or scan newer records only (--range)"},
		{source.ErrChanged, "lost records that were committed", "look at the brokers' logs; an election that was not clean cuts a log off. Then scan again"},
	} {
		if errors.Is(err, m.is) {
			return &Error{Code: CodeMoved, Title: "the target " + target + " " + m.title + " while it was compared", Exit: exitConflict,
				Why: fmt.Sprintf("Nothing is said of what was read until then: %v", err), Hint: m.hint, Err: err}
		}
	}
	return err
}
