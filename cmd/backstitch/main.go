package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"backstitch/cluster/client"
	"backstitch/storage/failpoint"
)

func main() {
	if err := failpoint.Load(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(client.ExitUsage)
	}
	// The second signal ends the process at once: a person who presses Ctrl-C twice means it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
