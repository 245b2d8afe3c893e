package admin

import (
	"context"
	"io"

	"backstitch/cluster"
	"backstitch/cluster/curve"
	"backstitch/cluster/inject"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/partition"
)

// Node is what the API needs of a node; *cluster.Node is one. Tests have another, to make it fail on purpose.
type Node interface {
	ID() partition.NodeID
	Name() string
	ClusterID() string
	Leader() partition.NodeID
	View() (*fsm.View, error)
	Wait(ctx context.Context, after uint64) (uint64, error)
	Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error)
	SetState(ctx context.Context, env fsm.Envelope, id string, state fsm.MemberState) (fsm.Result, error)
	Status(ctx context.Context) cluster.Status
	Health() cluster.Health
	Alive() map[partition.NodeID]bool
	Holdings(ctx context.Context) ([]quota.Holding, error)
	Paces(ctx context.Context) ([]quota.Pace, error)
	Rates(job partition.JobID) (low, high float64, ok bool)
	Curve(job partition.JobID) []curve.Point
	Leaders() []cluster.Led
	Join(ctx context.Context, addrs []string) (int, error)
	Leave(ctx context.Context, reason string) error
	TransferLeadership(ctx context.Context, to string) (cluster.Transferred, error)
	RemovePeer(ctx context.Context, id, reason string) error
	SaveSnapshot(ctx context.Context) (io.ReadCloser, cluster.SnapshotMeta, error)
	RestoreSnapshot(ctx context.Context, r io.Reader) (fsm.SnapshotInfo, error)
	Environment() cluster.Environment
	Hurt(ctx context.Context, f inject.Fault) (inject.Active, error)
	Hurts() ([]inject.Active, error)
	Heal(id, by string) (int, error)
	RefusesAPI() bool
	Keyring(ctx context.Context) ([]cluster.KeyringNode, error)
	ChangeKeyring(ctx context.Context, env fsm.Envelope, change cluster.KeyringChange) (cluster.KeyringChanged, error)
	MayExec(ctx context.Context, node, program string) error
}

var _ Node = (*cluster.Node)(nil)
