package partition

// Member is a node as the assignment sees it.
type Member struct {
	ID       NodeID
	Zone     string // failure zone, "" when the operator named none
	Weight   uint32 // relative capacity; 0 takes no work
	Eligible bool   // false while draining, cordoned or lost
}
