package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"backstitch/replay/report"
)

func newReportExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export {JOB | PROOF | FILE} OUT.{json,html,md}",
		Short: "Save a report as a document, as a page or as an incident report",
		Long: `Save the newest proof of a job, one proof, or a saved report. OUT.json is the document, OUT.html one page that shows it and needs
nothing else: no script, no network, light and dark, to be printed. The page holds the document; both are checked by report verify.
OUT.md is the incident in Markdown, for a ticket: what was lost, why, the timeline, who decided what, and the proof. Nobody can check it
again by itself; it names the report that can be.`,
		Example:           "  backstitch report export bs-7f3k2m report.html\n  backstitch report export bs-7f3k2m incident.md\n  backstitch report export r-20afx3 r-20afx3.json\n  backstitch report export r-20afx3.json r-20afx3.html",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := filepath.Ext(args[1])
			if kind != ".json" && kind != ".html" && kind != ".md" {
				return usage(cmd, fmt.Errorf("%s: a report is saved as FILE.json, FILE.html or FILE.md", args[1]))
			}
			var f *report.File
			var err error
			if isFile(args[0]) {
				f, err = report.ReadFile(args[0])
			} else {
				f, err = a.fetchReport(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			body := f.JSON()
			next := "backstitch report verify " + args[1]
			switch kind {
			case ".html":
				if body, err = f.HTML(); err != nil {
					return err
				}
			case ".md":
				body = incidentOf(f).Markdown()
				next = "backstitch report export " + f.Report.Proof + " " + f.Report.Proof + ".json     what can be checked"
			}
			if err := writeFile(args[1], body); err != nil {
				return err
			}
			return a.print(answer{
				value: struct {
					File    string `json:"file"`
					Report  string `json:"report"`
					SHA256  string `json:"sha256"`
					Signed  string `json:"signedBy,omitempty"`
					Missing string `json:"notSigned,omitempty"`
				}{args[1], f.Report.Proof, fmt.Sprintf("%x", f.Sum), fmt.Sprintf("%x", f.Key), f.NotSigned},
				names: []string{args[1]},
				text: func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "Saved %s: report %s, %s at %s, %s\nNext: %s\n", args[1], f.Report.Proof,
						f.Report.Verdict, f.Report.Evidence, signatureWords(f), next)
					return err
				},
			})
		},
	}
}

// signatureWords says who signed.
func signatureWords(f *report.File) string {
	if f.Key == nil {
		return "not signed: " + f.NotSigned
	}
	return "signed by cluster key " + report.Fingerprint(f.Key)
}
