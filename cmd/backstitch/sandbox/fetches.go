package sandbox

import (
	"math"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wholeFetches takes the bound of a whole answer from fetches of committed data, and leaves those of partitions. kfake stops at that bound
// in the middle of a partition and then does not say which of the transactions that it has just answered with were aborted: a reader takes
// their records for committed ones, and finds them twice. Seen with twelve partitions of more than 4 MiB each and a writer that was killed.
func wholeFetches(broker *kfake.Cluster) {
	broker.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if f, ok := r.(*kmsg.FetchRequest); ok && f.IsolationLevel == 1 {
			f.MaxBytes = math.MaxInt32
		}
		return nil, nil, false
	})
}
