package cluster

import (
	"context"

	"backstitch/cluster/wire"
)

// UntilDone lets a test say what each attempt of a command that can be repeated comes to.
func (n *Node) UntilDone(ctx context.Context, attempt func() error) error {
	_, err := n.untilDone(ctx, true, func(context.Context, string, string) (wire.Message, error) { return nil, attempt() })
	return err
}

// AsFailure is how err travels.
func (n *Node) AsFailure(err error) *wire.Failure { return n.asFailure(err) }

// Fatal is what storage calls when the disk failed.
func (n *Node) Fatal(err error) { n.fatal(err) }

// ServeKeyring is what a node answers to another one that has shown its certificate.
func (n *Node) ServeKeyring(req wire.Message) (wire.Message, error) { return n.serveKeyring(true, req) }
