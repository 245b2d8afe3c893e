package transform

// Scalars gives casts to those who change values of another form. It is used by one goroutine.
type Scalars struct{ e Editor }

// Cast is what the text of a JSON scalar that is not null becomes as type to, until the next call: exact, or an error that says why not.
// There is no other to than spec.Cast has.
func (s *Scalars) Cast(to string, text []byte) ([]byte, error) {
	s.e.made = s.e.made[:0]
	return casts[to](&s.e, text)
}

// Casts reports whether there is a cast to a type of that name.
func Casts(to string) bool { return casts[to] != nil }

// Same reports whether two JSON texts say the same: order, blanks and the spelling of numbers do not count.
func Same(a, b []byte) bool { return same(a, b) }

// Code is what is printed of err where a value could not be changed.
func Code(err error) string { return refusal(err) }
