package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
)

// ordersArchive is where the orders of demo and dev are archived.
const ordersArchive = "s3://" + siteBucket + "/archive"

// Bounds of --orders and --records: with fewer the losses are too small to see, with more the sandbox's memory is too small.
const minOrders, maxOrders = 10_000, 100_000_000

func checkOrders(flag string, n int64) error {
	if n < minOrders || n > maxOrders {
		return fmt.Errorf("--%s %d: want %d to %d", flag, n, minOrders, maxOrders)
	}
	return nil
}

// sampleOrders are n orders of one day, and what is lost of them.
func sampleOrders(n int64) (orders.Set, orders.Loss) {
	set := orders.Set{Records: n, Day: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	return set, orders.DefaultLoss(set)
}

// loseOrders writes n orders, archives them and loses some, so that there is something to find. It returns how many.
func (s *site) loseOrders(ctx context.Context, n int64) (lost int64, err error) {
	brokers := []string{s.ports.kafkaAddr()}
	set, loss := sampleOrders(n)
	if err := orders.Fill(ctx, brokers, set); err != nil {
		return 0, fmt.Errorf("write orders: %w", err)
	}
	out, status := s.command(ctx, "archive", orders.Topic, ordersArchive, "--kafka", "kafka", "--s3", "s3", "-q")
	if status != client.ExitOK {
		return 0, fmt.Errorf("archive orders: exit status %d: %s", status, strings.TrimSpace(out.stdout+out.stderr))
	}
	if err := orders.Break(ctx, brokers, set, loss); err != nil {
		return 0, fmt.Errorf("lose orders: %w", err)
	}
	return loss.Total(set), nil
}

// ordersStory says what was done to the orders and what to type now, in the same shell or another.
func (s *site) ordersStory(n, lost int64) string {
	connections := "--connections " + quoted(s.connectionsFile())
	ends := fmt.Sprintf("%s --kafka kafka --archive %s --s3 s3 %s", orders.Topic, ordersArchive, connections)
	return fmt.Sprintf(`Orders       %s written to the topic %s and archived; then %s of them were lost
Try: export %s
     backstitch gaps heatmap %s
     backstitch plan %s -o orders.plan
     backstitch run orders.plan %s --addr %s
`, count(n), orders.Topic, count(lost), strings.Join(siteEnv[:2], " "), ends, ends, connections, s.nodes[0].api)
}
