package kgroup

import "testing"

// The numbers are what Math.abs(name.hashCode()) % 50 gives in Java, and 0 for the hash that has no absolute value. Names with a negative hash
// are half of all.
func TestGroupsLieWhereJavaPutsThem(t *testing.T) {
	for name, want := range map[string]int32{"hello": 22, "backstitch-orders": 32, "connect-s3-sink": 3, "grüße": 23, "😀 payments": 22,
		"billing": 9, "c4-billing": 37, "polygenelubricants": 0} {
		if got := offsetsPartition(name, 50); got != want {
			t.Errorf("%q: got partition %d, want %d", name, got, want)
		}
	}
}
