package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"backstitch/cluster/access"
	"backstitch/cluster/admin"
	"backstitch/fsm"
	"backstitch/replay/report"
)

// sealedReport is what an agent answers when it is asked for the report of a proof: made from its own book alone, and signed if it holds
// the key that speaks for the cluster now.
func sealedReport(view *fsm.View, id fsm.ProofID, cluster string, key *access.ProofKey) ([]byte, error) {
	r, err := report.FromBook(view, id, cluster)
	if errors.Is(err, report.ErrUnknownProof) {
		return nil, admin.ErrNoReport
	}
	if err != nil {
		return nil, err
	}
	keys, err := view.ProofKeys()
	if err != nil {
		return nil, err
	}
	var signer report.Signer
	why := whyNotSigned(keys, key)
	if why == "" {
		signer = key
	}
	f, err := r.Seal(signer, why)
	if err != nil {
		return nil, err
	}
	return f.JSON(), nil
}

// whyNotSigned is "" when key speaks for the cluster.
func whyNotSigned(keys []fsm.ProofKey, key *access.ProofKey) string {
	now := ""
	if len(keys) > 0 {
		now = hex.EncodeToString(keys[len(keys)-1].Key[:])
	}
	switch {
	case now == "" && key == nil:
		return "the cluster has no proof key"
	case now == "":
		return "the cluster has not put a proof key in its book yet"
	case key == nil:
		return fmt.Sprintf("the node that made it has no proof key; the cluster's is %.8s", now)
	case hex.EncodeToString(key.Public()) != now:
		return fmt.Sprintf("the node that made it has proof key %s; the cluster's is %.8s", report.Fingerprint(key.Public()), now)
	}
	return ""
}
