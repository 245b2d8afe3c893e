package recovery

import (
	"slices"

	"backstitch/partition"
)

// What can be taken back of a job, as `backstitch rollback` will find it: that asks Appends of the slices in the book.

// Appends reports whether slices write into a log that had records when they were planned. Readers may have seen what comes behind those, and
// nobody takes that back.
func Appends(list []partition.Slice) bool {
	return slices.ContainsFunc(list, func(s partition.Slice) bool { return s.Kind == partition.SliceFill && s.TargetTo > s.TargetFrom })
}

// undo says how what p writes is taken back.
func (p *Plan) undo() string {
	switch {
	case p.Empty():
		return "nothing is written, so there is nothing to take back"
	case p.Recipe.Target.Files():
		return "backstitch rollback JOB: readers pass over what the job wrote, and nothing is deleted"
	case !slices.ContainsFunc(p.Slices, func(s Slice) bool { return s.Kind == partition.SliceFill.String() && s.TargetTo > s.TargetFrom }):
		return "nobody reads a new topic before backstitch publish JOB; backstitch rollback JOB sends readers back, and keeps the topic"
	case p.Recipe.Write.OriginHeaders:
		return "a log can not be shortened in the middle; every record written has the header backstitch.job, by which consumers can skip it"
	}
	return "none: a log can not be shortened in the middle, and without origin headers the records can not be told apart later"
}
