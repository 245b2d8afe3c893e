package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

func newTransform(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "transform", Short: "Try how a spec changes values"}
	cmd.AddCommand(newTransformTest(a), newTransformDiff(a))
	return cmd
}

func newTransformTest(a *app) *cobra.Command {
	var where places
	file := ""
	cmd := &cobra.Command{
		Use:   "test -f SPEC",
		Short: "Run the examples of a spec's transform",
		Long: `Change the value of each example by all steps of the spec's transform and compare it with what the spec says comes out. Nothing is
connected to, so for values that name a schema the spec has to hold the output schema itself. The exit status is 1 when one does not come out, and
plan refuses the spec then.`,
		Example: "  backstitch transform test -f orders-v3.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage(cmd, errors.New("-f names no spec"))
			}
			r, err := readSpec(file, &where)
			if err != nil {
				return err
			}
			t := r.Spec.Transform
			if t == nil || len(t.Examples) == 0 {
				return usage(cmd, fmt.Errorf("%s has no transform with examples: nothing was tried", file))
			}
			outcomes, err := tryExamples(cmd, t)
			if err != nil {
				return err
			}
			bad := 0
			for _, o := range outcomes {
				if !o.OK {
					bad++
				}
			}
			err = a.print(answer{
				value: struct {
					Version  string              `json:"version"`
					Failed   int                 `json:"failed"`
					Examples []transform.Outcome `json:"examples"`
				}{t.Version, bad, outcomes},
				rows: anys(outcomes), names: []string{t.Version},
				text: func(w io.Writer) error { return outcomesText(w, t.Version, outcomes, bad) },
			})
			if err == nil && bad > 0 {
				err = exitStatus(client.ExitFailed)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`file` with the spec")
	return cmd
}

// tryExamples runs the examples of t. Those of values that name a schema need the text of the output schema.
func tryExamples(cmd *cobra.Command, t *spec.Transform) ([]transform.Outcome, error) {
	outcomes, err := recovery.Try(t)
	if errors.Is(err, recovery.ErrElsewhere) {
		return nil, usage(cmd, fmt.Errorf("%w: write it in as values.schema.file or inline; plan tries the examples in any case", err))
	}
	return outcomes, err
}

func outcomesText(w io.Writer, version string, outcomes []transform.Outcome, bad int) error {
	for _, o := range outcomes {
		switch {
		case o.OK:
			continue
		case o.Refused != "":
			fmt.Fprintf(w, "example %d: can not be changed: %s\n", o.Example, o.Refused)
		default:
			fmt.Fprintf(w, "example %d: another value came out\n  got   %s\n", o.Example, o.Got)
		}
		fmt.Fprintf(w, "  want  %s\n", o.Want)
	}
	_, err := fmt.Fprintf(w, "Transform %s: %d of %d examples come out.\n", version, len(outcomes)-bad, len(outcomes))
	return err
}
