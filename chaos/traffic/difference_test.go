package traffic

import (
	"strings"
	"testing"
)

func TestDifference(t *testing.T) {
	a, b, c := ID{1}, ID{2}, ID{3}
	for _, row := range []struct {
		got, want []ID
		says      string
	}{
		{nil, nil, ""},
		{[]ID{a, b}, []ID{a, b}, ""},
		{[]ID{b, a}, []ID{a, b}, "another order"},
		{[]ID{a}, []ID{a, b}, "1 records are lost and 0"},
		{[]ID{a, b, b}, []ID{a, b}, "0 records are lost and 1"},
		{[]ID{a, c}, []ID{a, b}, "1 records are lost and 1"},
	} {
		if got := Difference(row.got, row.want); (got == "") != (row.says == "") || !strings.Contains(got, row.says) {
			t.Errorf("%v for %v: got %q, want %q", row.got, row.want, got, row.says)
		}
	}
}
