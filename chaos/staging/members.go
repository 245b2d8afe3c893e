package staging

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"backstitch/chaos/fault"
	"backstitch/cluster"
	"backstitch/cluster/client"
)

// node is one member, with a client that asks nobody else: a fault must not reach another one in its place.
type node struct {
	client.Member
	api *client.Client
}

// members are all nodes of the cluster.
type members struct {
	any   *client.Client
	nodes []*node
}

func (m *members) close() {
	for _, n := range m.nodes {
		n.api.Close()
	}
}

// meet asks every member for itself what it is there for. One that does not answer can not say that it may be hurt.
func meet(ctx context.Context, c *client.Client, dial func(addr string) (*client.Client, error)) (_ *members, err error) {
	list, err := c.Members(ctx)
	if err != nil {
		return nil, err
	}
	out := &members{any: c}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	var not []string
	for _, m := range list {
		if m.State == "left" {
			continue
		}
		api, err := dial(m.APIAddr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		out.nodes = append(out.nodes, &node{m, api})
		ask, cancel := context.WithTimeout(ctx, answer)
		state, err := api.Cluster(ask)
		cancel()
		switch {
		case err != nil:
			not = append(not, fmt.Sprintf("%s at %s does not answer: %v", m.Name, m.APIAddr, err))
		case !cluster.Environment(state.Environment).Expendable():
			not = append(not, fmt.Sprintf("%s says %s", m.Name, state.Environment))
		case state.Node.Name != m.Name:
			not = append(not, fmt.Sprintf("%s answers at the address of %s", state.Node.Name, m.Name))
		}
	}
	if len(not) > 0 {
		return nil, refuse("not every member says that it is of staging or dev:\n%s", strings.Join(not, "\n"))
	}
	return out, nil
}

// answer is how long one node may take.
const answer = 5 * time.Second

func (m *members) find(name string) *node {
	if i := slices.IndexFunc(m.nodes, func(n *node) bool { return n.Name == name }); i >= 0 {
		return m.nodes[i]
	}
	return nil
}

func (m *members) voters() []string {
	var out []string
	for _, n := range m.nodes {
		if n.Role == "voter" {
			out = append(out, n.Name)
		}
	}
	return out
}

// view is what a target is looked up in, and who is alive.
func (m *members) view(ctx context.Context) (fault.View, map[string]bool, error) {
	list, err := m.any.Members(ctx)
	if err != nil {
		return fault.View{}, nil, err
	}
	v, alive := fault.View{Nodes: m.voters(), Owned: map[string]int{}}, map[string]bool{}
	for _, now := range list {
		v.Owned[now.Name], alive[now.Name] = now.Leases, now.Alive
		if now.Leader {
			v.Leader = now.Name
		}
	}
	return v, alive, nil
}

// healAll takes back every fault of every node, and names the nodes that could not be asked; theirs end by themselves. All are
// asked at once: one that does not answer must not keep the others hurt.
func (m *members) healAll(ctx context.Context) (healed int, silent []string) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, n := range m.nodes {
		group.Go(func() {
			ask, cancel := context.WithTimeout(ctx, answer)
			defer cancel()
			count, err := n.api.Heal(ask, "")
			mu.Lock()
			defer mu.Unlock()
			healed += count
			if err != nil {
				silent = append(silent, n.Name)
			}
		})
	}
	group.Wait()
	slices.Sort(silent)
	return healed, silent
}
