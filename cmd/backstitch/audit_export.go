package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/hashfile"
)

// auditFileVersion is that of the files that audit export writes: a head, and a record a line.
const auditFileVersion = 1

// auditFile is the first line of such a file.
type auditFile struct {
	Version int               `json:"backstitchAudit"`
	MadeAt  time.Time         `json:"madeAt"`
	Trail   client.AuditTrail `json:"trail"` // of the last record in the file
}

func newAuditExport(a *app) *cobra.Command {
	out := ""
	cmd := &cobra.Command{
		Use:   "export --out FILE",
		Short: "Write the whole audit trail into a file that can be checked without the cluster",
		Long: `Write all records that the cluster keeps into a file, oldest first: a line a record, as JSON, behind a line that says where the chain begins and
ends. The chain is checked on the way, and nothing is written when it is broken. backstitch audit verify FILE checks it again anywhere. An existing
file is not overwritten. Keep the last hash where nobody who can write the file can write: whoever changes a record has to change all behind it.`,
		Example: "  backstitch audit export --out audit-2026-11.jsonl",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			if out == "" {
				return usage(cmd, errors.New("--out is missing"))
			}
			if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
				return &failure{Code: codeFile, Title: out + " exists", Detail: "It may be the only copy of an older trail.", Next: "name another file", Exit: client.ExitConflict}
			}
			var body bytes.Buffer
			enc := json.NewEncoder(&body)
			var at chain
			var trail client.AuditTrail
			records := 0
			err := walkAudit(cmd.Context(), c, func(t client.AuditTrail, page []client.AuditRecord) (err error) {
				if records == 0 && len(page) > 0 {
					if at, err = begin(t); err != nil {
						return err
					}
					trail = t
				}
				for _, r := range page {
					if err := at.add(r); err != nil {
						return brokenChain(t.Node, err)
					}
					if err := enc.Encode(r); err != nil {
						return err
					}
					records++
				}
				return nil
			})
			if err != nil {
				return err
			}
			if records == 0 {
				return &failure{Code: codeNoTrail, Title: "the audit trail has no record", Exit: client.ExitIndeterminate, Next: "backstitch audit list"}
			}
			trail.Next, trail.Hash = at.next, fmt.Sprintf("%x", at.hash)
			head, err := json.Marshal(auditFile{Version: auditFileVersion, MadeAt: time.Now().UTC(), Trail: trail})
			if err != nil {
				return err
			}
			if err := hashfile.Write(out, append(append(head, '\n'), body.Bytes()...), nil); err != nil {
				return &failure{Code: codeFile, Title: "can not write " + out, Detail: err.Error(), Next: "name another file", Exit: client.ExitFailed, Err: err}
			}
			return a.print(answer{value: map[string]any{"file": out, "records": records, "trail": trail}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s written to %s: %d to %d.\nThe last hash is %s\nCheck it anywhere: backstitch audit verify %s\n",
					gap.Plural(int64(records), "record"), out, trail.Oldest, trail.Next-1, trail.Hash, out)
				return err
			}})
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to write to")
	return cmd
}

// maxAuditLine bounds one record of a file, in bytes.
const maxAuditLine = 1 << 20

// readAuditFile checks a file and returns its head, and how many records it has.
func readAuditFile(path string) (auditFile, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return auditFile{}, 0, noTrailFile(path, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxAuditLine)
	var head auditFile
	strict := func(into any) error {
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			return err
		}
		if _, err := dec.Token(); err != io.EOF {
			return errors.New("something follows it on the line")
		}
		return nil
	}
	notOurs := func(line int, err error) error {
		return &failure{Code: codeNotTrail, Title: path + " is no audit trail", Detail: fmt.Sprintf("line %d: %v", line, err), Exit: client.ExitUsage, Err: err,
			Next: "backstitch audit export --out FILE"}
	}
	if !lines.Scan() {
		return head, 0, notOurs(1, errors.Join(errors.New("there is none"), lines.Err()))
	}
	if err := strict(&head); err != nil {
		return head, 0, notOurs(1, err)
	}
	if head.Version != auditFileVersion {
		return head, 0, notOurs(1, fmt.Errorf("it has version %d, this program knows %d", head.Version, auditFileVersion))
	}
	at, err := begin(head.Trail)
	if err != nil {
		return head, 0, notOurs(1, err)
	}
	records := 0
	for lines.Scan() {
		var r client.AuditRecord
		if err := strict(&r); err != nil {
			return head, records, notOurs(records+2, err)
		}
		if err := at.add(r); err != nil {
			return head, records, brokenChain(path, err)
		}
		records++
	}
	switch end, err := hash32(head.Trail.Hash); {
	case lines.Err() != nil:
		return head, records, notOurs(records+2, lines.Err())
	case err != nil:
		return head, records, notOurs(1, err)
	case at.next != head.Trail.Next || at.hash != end:
		return head, records, brokenChain(path, fmt.Errorf("it ends with record %d, and has to end with %d and hash %.16s", at.next-1, head.Trail.Next-1, head.Trail.Hash))
	}
	return head, records, nil
}

func noTrailFile(path string, err error) error {
	f := &failure{Code: codeFile, Title: "can not read " + path, Detail: err.Error(), Next: "check the name", Exit: client.ExitFailed, Err: err}
	if errors.Is(err, fs.ErrNotExist) {
		f.Exit = client.ExitNotFound
	}
	return f
}
