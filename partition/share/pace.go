package share

// Pace is a bound that a spender has put on itself because somebody suffers from what it does. It is told for people to see: nobody
// divides it.
type Pace struct {
	Job   string
	Rate  int64  // bytes a second on this node
	Floor int64  // it does not fall below that
	Binds bool   // somebody waits for it
	Hurts bool   // what Why says is so now; otherwise it is over, and the rate rises
	Kind  string // of the signal, such as lag; "" where the job only began slowly
	Why   string // for people
}
