package main

import (
	"context"
	"strings"
)

// output is what one command printed.
type output struct{ stdout, stderr string }

// command runs a command of this program as a shell would, against the site's nodes and connections, and returns its exit status.
func (s *site) command(ctx context.Context, args ...string) (output, int) {
	var out, errs strings.Builder
	args = append(args, "--addr", strings.Join(s.addresses(), ","), "--color", "never")
	switch args[0] {
	case "archive", "gaps", "plan", "run", "verify":
		args = append(args, "--connections", s.connectionsFile())
	}
	status := run(ctx, args, strings.NewReader(""), &out, &errs, siteGetenv)
	return output{out.String(), errs.String()}, status
}
