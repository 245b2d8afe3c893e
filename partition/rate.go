package partition

// Rate is how much may be done in a second, in three units at once. 0 is no limit in that unit.
type Rate struct {
	Bytes    int64 // keys, values and headers, uncompressed
	Records  int64
	Requests int64 // calls of the target's protocol: produce and fetch, put, get and list
}

// Units are the names of the three, in the order of Rate.Of.
var Units = [...]string{"bytes", "records", "requests"}

// Unlimited reports whether nothing is limited.
func (r Rate) Unlimited() bool { return r == Rate{} }

// Of returns the three numbers in the order of Units.
func (r Rate) Of() [3]int64 { return [3]int64{r.Bytes, r.Records, r.Requests} }

// RateOf is the rate of three numbers in the order of Units.
func RateOf(n [3]int64) Rate { return Rate{Bytes: n[0], Records: n[1], Requests: n[2]} }

// Negative reports whether one of the numbers is below zero.
func (r Rate) Negative() bool { return min(r.Bytes, r.Records, r.Requests) < 0 }

// Within is what r and o allow together: of each unit the smaller one, of those that are limited.
func (r Rate) Within(o Rate) Rate {
	x, y := r.Of(), o.Of()
	for i := range x {
		if x[i] == 0 || y[i] != 0 && y[i] < x[i] {
			x[i] = y[i]
		}
	}
	return RateOf(x)
}
