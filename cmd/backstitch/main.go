package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The second signal ends the process at once: a person who presses Ctrl-C twice means it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
