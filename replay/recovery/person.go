package recovery

// Notes that nobody has to decide about: what is put back comes late, some of it was there twice before, and partitions that the reference
// has nothing of are not looked at. That repetitions are left out and that late records say so is what the spec asks for, and names that mean the
// same mean the same. Every other note, also one that this list does not know, may mean that what is written is lost again,
// refused, or not what the owner of the topic wants.
var informs = map[string]bool{
	NoteAppend: true, NoteDuplicates: true, NotePartitions: true, NoteRepeated: true, NoteSeveralNames: true, NoteLate: true,
}

// NeedsPerson are the notes that stand against running the plan without anybody having read it.
func (p *Plan) NeedsPerson() []Note {
	var out []Note
	for _, n := range p.Notes {
		if !informs[n.Code] {
			out = append(out, n)
		}
	}
	return out
}
