package traffic

import "fmt"

// Difference says how what was found of a partition differs from what was made, both in order; "" when it does not.
func Difference(got, want []ID) string {
	made, seen, same := Truth{}, Truth{}, len(got) == len(want)
	for i, id := range want {
		made[id]++
		same = same && got[i] == id
	}
	if same {
		return ""
	}
	for _, id := range got {
		seen[id]++
	}
	lost, surplus := made.Difference(seen)
	if lost == 0 && surplus == 0 {
		return fmt.Sprintf("all %d records are there, in another order", len(want))
	}
	return fmt.Sprintf("%d records are lost and %d are too many of %d", lost, surplus, len(want))
}
