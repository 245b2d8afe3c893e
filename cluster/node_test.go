package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// submit proposes a job through m.
func submit(t *testing.T, m *clustertest.Member, id partition.JobID) (fsm.Result, error) {
	t.Helper()
	env := fsm.Envelope{Actor: "test", UnixNanos: 1, RequestID: cluster.NewRequestID()}
	return m.Node.Propose(context.Background(), env, fsm.SubmitJob{
		ID: id, Name: string(id), Namespace: "test", Recipe: []byte("{}"), PlanHash: [32]byte{1}, Locks: []string{"dir:/" + string(id) + "/0"}, Slices: 1,
	})
}

func mustSubmit(t *testing.T, m *clustertest.Member, id partition.JobID) {
	t.Helper()
	res, err := submit(t, m, id)
	if err != nil || res.Code != fsm.OK {
		t.Fatalf("submit %s through %s: got %+v, %v, want OK", id, m.Name, res, err)
	}
}

func hasJob(t *testing.T, m *clustertest.Member, id partition.JobID) bool {
	t.Helper()
	v, err := m.Node.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	_, ok, err := v.Job(id)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestThreeNodesMakeOneClusterAndProposeFromAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		for i, m := range c.Members() {
			id := partition.JobID("bs-" + string(rune('a'+i)))
			mustSubmit(t, m, id)
			if !hasJob(t, m, id) {
				t.Errorf("%s does not see the job that it proposed", m.Name)
			}
			if got, want := m.Node.ClusterID(), c.Member(0).Node.ClusterID(); got != want || got == "" {
				t.Errorf("cluster id of %s: got %q, want %q", m.Name, got, want)
			}
		}
		c.WaitSame()
		s := c.Leader().Node.Status(context.Background())
		if s.Voters != 3 || s.Tolerance != 1 || !s.Healthy {
			t.Errorf("status: got %d voters, tolerance %d, healthy %t (%q), want 3, 1, true", s.Voters, s.Tolerance, s.Healthy, s.Reasons)
		}
	})
}

func jobID(s string) partition.JobID { return partition.JobID(s) }
