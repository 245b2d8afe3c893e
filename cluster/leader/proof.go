package leader

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

var proofEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ProofID names the proof that cs make for job. It depends on nothing else, so each leader gives the same proof the same
// name, and on the indexes, so two runs with equal numbers get two names.
func ProofID(job partition.JobID, cs []Compared) fsm.ProofID {
	bytes, err := json.Marshal(struct {
		Job         partition.JobID
		Comparisons []Compared
	}{job, cs})
	if err != nil {
		panic(fmt.Sprintf("comparisons hold plain values only: %v", err))
	}
	sum := sha256.Sum256(bytes)
	return fsm.ProofID("r-" + strings.ToLower(proofEncoding.EncodeToString(sum[:10])))
}

func makeProof(j Job, by partition.NodeID, wall time.Time) fsm.Proof {
	cs := make([]fsm.Comparison, len(j.Comparisons))
	for i, c := range j.Comparisons {
		cs[i] = j.Writers.Attest(c.Comparison)
	}
	verdict, evidence := fsm.Judge(cs, j.Writers)
	return fsm.Proof{
		ID: ProofID(j.ID, j.Comparisons), Job: j.ID, Verdict: verdict, Evidence: evidence, Comparisons: cs,
		UnixNanos: wall.UnixNano(), By: string(by),
	}
}
