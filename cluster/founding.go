package cluster

import (
	"errors"
	"fmt"

	"backstitch/cluster/wire"

	"github.com/hashicorp/raft"
)

// found writes the first entry of the log of a new cluster: the configuration that makes it.
//
// raft.BootstrapCluster stores the term of that entry before the entry. A node that dies in between has Raft state and no
// configuration: it makes no cluster any more, and nobody else may. So the term is held back until the entry is durable. An
// entry without its term is whole: Raft begins in term 0 and its first election is of term 1, in which nobody else can be
// elected, since nobody else has a configuration.
func (n *Node) found(conf *raft.Config, network raft.Transport, servers []wire.Server) error {
	var first raft.Configuration
	for _, s := range servers {
		first.Servers = append(first.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(s.ID), Address: raft.ServerAddress(s.ID)})
	}
	term := &lateTerm{StableStore: n.stores.log}
	err := raft.BootstrapCluster(conf, n.stores.log, term, n.stores.snaps, network, first)
	if errors.Is(err, raft.ErrCantBootstrap) {
		return nil // it has state already
	}
	if err == nil && term.key != nil {
		err = n.stores.log.SetUint64(term.key, term.value)
	}
	if err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	n.log.Info("made a new cluster", "cluster", n.ClusterID(), "voters", len(servers))
	return nil
}

// lateTerm keeps the number that is stored.
type lateTerm struct {
	raft.StableStore
	key   []byte
	value uint64
}

func (l *lateTerm) SetUint64(key []byte, value uint64) error {
	l.key, l.value = key, value
	return nil
}
