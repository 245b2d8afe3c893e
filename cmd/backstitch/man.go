package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan writes what packages install beside the program. It is hidden because the help says the same.
func newMan(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages, one for each command",
		Hidden: true,
		Long: `Write the manual pages of section 1, one for each command that help lists. Where SOURCE_DATE_EPOCH is set, it is their
date: the same program then writes the same bytes.`,
		Example: "  backstitch man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- manual pages are for everybody
				return usage(cmd, err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := doc.GenManHeader{Section: "1", Source: "backstitch " + version, Manual: "Backstitch"}
			if err := doc.GenManTree(root, &header, dir); err != nil {
				return err
			}
			pages, err := filepath.Glob(filepath.Join(dir, "backstitch*.1"))
			if err != nil {
				return err
			}
			return a.print(answer{value: map[string]any{"dir": dir, "pages": len(pages)}, names: pages, text: func(io.Writer) error {
				a.say("==> %s: %d pages", dir, len(pages))
				return nil
			}})
		},
	}
}
