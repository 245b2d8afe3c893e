package fsm

// StepNote is what an attempt has found out on its way, so that whoever leads next need not find it out anew and people see how far it is. It
// decides nothing: a note that is lost costs another look.
type StepNote struct {
	Attempt uint32
	// Marks are what the attempt holds itself to, in the words of who does it: the ends that a wait began with, the node that a program
	// was given to. Those that an attempt has written first stay.
	Marks     []byte
	Text      string // how far it is, for people
	UnixNanos int64
}

// MaxMarksBytes bounds StepNote.Marks.
const MaxMarksBytes = 64 << 10

func noteKey(id FlowID, step int) []byte { return key(kindStepNote, ended(id), u32(uint32(step))) }

// forgetNotes forgets the notes of a flow. A flow that never had one costs as many reads as it has steps, once.
func (t *tx) forgetNotes(f Flow) {
	for i := range f.States {
		if t.read(noteKey(f.ID, i), &StepNote{}) {
			t.remove(noteKey(f.ID, i))
		}
	}
}

// StepNote returns what the newest attempt of a step has noted, by the index of the step; ok is false for nothing.
func (v *View) StepNote(f Flow, step int) (n StepNote, ok bool, err error) {
	if ok, err = v.read(noteKey(f.ID, step), &n); err != nil || !ok || n.Attempt != f.States[step].Attempt {
		return StepNote{}, false, err
	}
	return n, true, nil
}
