package spec

// Refuse is what Parse says of a mistake, of one that only shows later: when what a field asks for turns out to be impossible. data is the text that was
// parsed under name, and p.Path the field. A text that can not be read any more gives a problem without an excerpt.
func Refuse(name string, data []byte, p Problem) *Error {
	d := &document{format: recoveryFormat, name: name, text: string(data)}
	if _, err := d.read(data); err != nil {
		return &Error{File: name, Problems: []Problem{p}}
	}
	d.problems = []Problem{p}
	return d.error()
}
