package recovery_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

// A scan that lists less than a partition lacks never becomes a plan of what it lists.
func TestAListThatIsCutShortIsNoPlan(t *testing.T) {
	opt := options()
	opt.Scan.MaxRanges = 1 // of two
	r, err := spec.Parse("job.yaml", []byte(specText), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = recovery.Build(context.Background(), r, newWorld(), opt)
	var bad *recovery.Error
	if !errors.As(err, &bad) || bad.Code != recovery.CodeTooLarge || !errors.Is(err, plan.ErrTooLarge) || !strings.Contains(bad.Why, "partition 0 lacks records in 2 ranges") {
		t.Errorf("got %v, want a refusal that names both ranges", err)
	}
	// A plan of some positions finds them, listed or not.
	opt.Only = map[int32]partition.Ranges{0: {{From: 0, To: 10}, {From: 38, To: 45}, {From: 50, To: 60}}}
	p, err := recovery.Build(context.Background(), r, newWorld(), opt)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(partition.Ranges{{From: 38, To: 40}, {From: 50, To: 51}}, sub.Slices[0].Ranges); diff != "" {
		t.Errorf("ranges to fill (-want +got):\n%s", diff)
	}
}

// So by default, whatever one job can have is listed.
func TestWhatAPlanCanHaveIsListed(t *testing.T) {
	if list, most := gap.DefaultConfig().MaxRanges, plan.DefaultLimits().Parts; list <= most {
		t.Errorf("a scan lists %d ranges, and a plan may have %d", list, most)
	}
}
