package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
	"backstitch/cmd/backstitch/sandbox"
	"backstitch/replay/report"
)

// demo tells one story with real processes and real commands: it calls run, as the shell does, and kills its own children.
type demo struct {
	app   *app
	site  *site
	set   orders.Set
	loss  orders.Loss
	plan  string // file
	job   string
	began time.Time
	quiet bool // the story is another's: nothing is told

	survivors map[int32]int64 // records per partition before the repair
	refilled  orders.Place    // a record that the repair wrote
	result    demoResult
}

// demoResult is the last thing that demo -o json prints.
type demoResult struct {
	Records         int64   `json:"records"`
	Lost            int64   `json:"lost"`
	Found           int64   `json:"found"`
	FalseGaps       int64   `json:"false_gaps"` // records that the plan would write although nothing is missing there
	Rewritten       int64   `json:"rewritten"`
	Duplicates      int64   `json:"duplicates"` // made by the repair
	OrderViolations int64   `json:"order_violations"`
	Kills           int     `json:"kills"`
	FailoverMs      int64   `json:"failover_ms"` // the longest time from a kill until another node had written on
	Evidence        string  `json:"evidence"`
	Verified        bool    `json:"verified"`
	TamperDetected  bool    `json:"tamper_detected"`
	Seconds         float64 `json:"seconds"`
}

func newDemo(a *app) *cobra.Command {
	records, dir := int64(1_000_000), ""
	cmd := changes(&cobra.Command{
		Use:   "demo",
		Short: "Lose data on purpose, bring it back through two kills, and see the proof fail once",
		Long: `Run the whole story in about a minute: three nodes, a Kafka and an S3 as child processes on loopback; records are written,
archived and lost on purpose; they are found, planned and written back while nodes are killed; the result is verified; then
one byte is changed behind its back and verify has to fail. It needs nothing but this program and removes everything.`,
		Example: "  backstitch demo\n  backstitch demo -o json 2>/dev/null | jq .",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOrders("records", records); err != nil {
				return usage(cmd, err)
			}
			keep := dir != ""
			if !keep {
				var err error
				if dir, err = os.MkdirTemp("", "backstitch-demo-"); err != nil {
					return err
				}
				defer os.RemoveAll(dir)
			}
			d := &demo{app: a, began: time.Now()}
			d.set, d.loss = sampleOrders(records)
			d.result.Records = records
			return d.run(cmd.Context(), dir)
		},
	})
	cmd.Flags().Int64Var(&records, "records", records, "`number` of records to write")
	cmd.Flags().StringVar(&dir, "dir", "", "`directory` to keep logs and plan in; without it nothing stays")
	return cmd
}

// tell prints one line of the story: to stdout for people, to stderr when stdout is for the result.
func (d *demo) tell(format string, args ...any) {
	if d.quiet {
		return
	}
	w := d.app.stdout
	if d.app.output != "text" {
		w = d.app.stderr
	}
	if d.app.output == "text" || !d.app.quiet {
		fmt.Fprintf(w, format+"\n", args...)
	}
}

func (d *demo) run(ctx context.Context, dir string) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if d.site, err = newSite(dir, ports, nil); err != nil {
		return err
	}
	defer d.site.stop(5 * time.Second)
	for _, step := range []func(context.Context) error{
		d.start, d.fill, d.lose, d.find, d.makePlan, d.repair, d.prove, d.tamper,
	} {
		if err := d.step(ctx, step); err != nil {
			return d.failed(ctx, err)
		}
	}
	d.result.Seconds = time.Since(d.began).Round(100 * time.Millisecond).Seconds()
	d.tell("Everything above were real commands and real kills. It took %.0f s, and all of it is removed now.", d.result.Seconds)
	if d.app.output == "text" {
		return d.verdict()
	}
	if err := d.app.print(answer{value: d.result, names: []string{d.job}}); err != nil {
		return err
	}
	return d.verdict()
}

// stepTime bounds one step of a demo of a million records; nobody watches a demo that stands still for longer.
const stepTime = 3 * time.Minute

// step runs one step in bounded time. When it stands still, the error says what the job's slices say.
func (d *demo) step(ctx context.Context, do func(context.Context) error) error {
	limit := time.Duration(float64(stepTime) * max(1, float64(d.set.Records)/1e6))
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(bounded)
	if err == nil || bounded.Err() == nil || ctx.Err() != nil {
		return err
	}
	f := &failure{
		Code: codeDemo, Title: fmt.Sprintf("a step of the demo took longer than %s", limit), Detail: err.Error(), Err: err,
		Exit: client.ExitFailed, Next: "backstitch demo --dir DIR     keeps the logs",
	}
	if d.job != "" {
		out, _ := d.command(ctx, "status", d.job)
		f.Detail += "\n" + strings.TrimSpace(out.stdout)
	}
	return f
}

// verdict is whether the story went as it should.
func (d *demo) verdict() error {
	r := d.result
	if r.Found == r.Lost && r.FalseGaps == 0 && r.Rewritten == r.Lost && r.Duplicates == 0 && r.OrderViolations == 0 && r.Verified && r.TamperDetected {
		return nil
	}
	b, _ := json.Marshal(r)
	return &failure{
		Code: codeDemo, Title: "the demo did not keep its promise", Detail: string(b), Exit: client.ExitFailed,
		Next: "backstitch demo --dir DIR     keeps the logs; please report it with them",
	}
}

func (d *demo) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		d.tell("Stopped. Everything is removed.")
		return interrupted()
	}
	return d.site.blame(ctx, err)
}

func (d *demo) start(ctx context.Context) error {
	began := time.Now()
	if err := d.site.start(ctx); err != nil {
		return err
	}
	d.tell("1/7  Started 3 nodes, a Kafka and an S3 (%d processes of this program) in %s.", len(d.site.nodes)+1, tenths(began))
	return nil
}

func (d *demo) brokers() []string { return []string{d.site.ports.kafkaAddr()} }

func (d *demo) fill(ctx context.Context) error {
	if err := orders.Fill(ctx, d.brokers(), d.set); err != nil {
		return err
	}
	var out archived
	err := d.commandJSON(ctx, &out, "archive", orders.Topic, ordersArchive, "--kafka", "kafka", "--s3", "s3")
	if err != nil {
		return err
	}
	d.tell("2/7  Wrote %s orders; archived %s of them to %s.", count(d.set.Records), count(out.Records), ordersArchive)
	return nil
}

func (d *demo) lose(ctx context.Context) error {
	if err := orders.Break(ctx, d.brokers(), d.set, d.loss); err != nil {
		return err
	}
	d.result.Lost = d.loss.Total(d.set)
	var holes []string
	for _, h := range d.loss.Holes {
		holes = append(holes, fmt.Sprintf("%s-%s of partitions %s", hour(h.From), hour(h.To), strings.Trim(fmt.Sprint(h.Partitions), "[]")))
	}
	d.tell("3/7  Now breaking it: lost %s; one record in %d elsewhere; and wrote %s records of partition %d twice.",
		strings.Join(holes, ", "), d.loss.OneIn, count(d.loss.End-d.loss.TwiceFrom), d.loss.Twice)
	return nil
}

func (d *demo) specFile() string { return filepath.Join(d.site.dir, "orders.yaml") }

func (d *demo) find(ctx context.Context) error {
	text := fmt.Sprintf(`apiVersion: backstitch.dev/v1
kind: Recovery
metadata:
  name: orders-demo
spec:
  source:
    s3:
      connection: s3
      bucket: %s
      prefix: archive
  target:
    kafka:
      connection: kafka
      topic: %s
  slices:
    records: %d
`, siteBucket, orders.Topic, max(1000, d.set.Records/100))
	if err := os.WriteFile(d.specFile(), []byte(text), 0o600); err != nil {
		return err
	}
	began := time.Now()
	out, status := d.command(ctx, "gaps", "heatmap", "-f", d.specFile(), "-q")
	if status != client.ExitOK {
		return d.unexpected("gaps heatmap", status, out)
	}
	d.tell("4/7  backstitch gaps heatmap -f orders.yaml   (%s)", tenths(began))
	for line := range strings.Lines(out.stdout) {
		d.tell("     %s", strings.TrimRight(line, "\n"))
	}
	return nil
}

func (d *demo) makePlan(ctx context.Context) error {
	d.plan = filepath.Join(d.site.dir, "orders.plan")
	if out, status := d.command(ctx, "plan", "-f", d.specFile(), "--out", d.plan, "-q"); status != client.ExitOK {
		return d.unexpected("plan", status, out)
	}
	ranges, err := plannedRanges(d.plan)
	if err != nil {
		return err
	}
	for partition, list := range ranges {
		for _, r := range list {
			found, wrong := d.loss.Found(d.set, partition, r.From, r.To)
			d.result.Found += found
			d.result.FalseGaps += wrong
		}
	}
	d.tell("5/7  backstitch plan     -> %s of %s lost records found, %d false", count(d.result.Found), count(d.result.Lost), d.result.FalseGaps)
	return nil
}

func (d *demo) prove(ctx context.Context) error {
	out, status := d.command(ctx, "verify", d.job, "-o", "json", "-q")
	if status != client.ExitOK {
		return d.unexpected("verify", status, out)
	}
	file, err := report.Decode("the proof", []byte(out.stdout))
	if err != nil {
		return err
	}
	proof := file.Report
	d.result.Verified, d.result.Evidence = proof.Verdict == "pass", proof.Evidence
	v, err := orders.Judge(ctx, d.brokers(), d.set, d.loss, d.survivors)
	if err != nil {
		return err
	}
	d.result.Duplicates, d.result.OrderViolations = v.Duplicates, v.OrderViolations
	if v.Missing+v.Changed+v.Foreign > 0 {
		return fmt.Errorf("a reader of the topic misses %d records, and finds %d changed and %d foreign ones", v.Missing, v.Changed, v.Foreign)
	}
	d.refilled = v.LastRefilled
	d.tell("6/7  backstitch verify   -> VERIFIED at %s.   A reader who trusts nobody counts %s of %s, %d twice, %d out of order.",
		proof.Evidence, count(d.set.Records-v.Missing), count(d.set.Records), v.Duplicates, v.OrderViolations)
	return nil
}

func (d *demo) tamper(ctx context.Context) error {
	d.tell("7/7  Do you trust it? Changing one byte of one record behind its back...")
	_, err := sandbox.Control{Addr: d.site.ports.controlAddr()}.Tamper(ctx, orders.Topic, d.refilled.Partition, d.refilled.Offset)
	if err != nil {
		return err
	}
	out, status := d.command(ctx, "verify", d.job, "-q")
	if status != client.ExitDiffer {
		return d.unexpected("verify after tampering", status, out)
	}
	d.result.TamperDetected = true
	d.tell("     backstitch verify   -> %s   (exit %d)", firstDifference(out.stdout), status)
	return nil
}

// firstDifference is the line of verify's text that names what differs.
func firstDifference(text string) string {
	for line := range strings.Lines(text) {
		if _, what, ok := strings.Cut(line, "): "); ok && strings.Contains(line, "offset") {
			return "FAILED  " + strings.TrimSpace(what)
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}

func (d *demo) command(ctx context.Context, args ...string) (output, int) {
	return d.site.command(ctx, args...)
}

func (d *demo) commandJSON(ctx context.Context, into any, args ...string) error {
	out, status := d.command(ctx, append(args, "-o", "json", "-q")...)
	if status != client.ExitOK {
		return d.unexpected(args[0], status, out)
	}
	return json.Unmarshal([]byte(out.stdout), into)
}

func (d *demo) unexpected(command string, status int, out output) error {
	return &failure{
		Code: codeDemo, Title: fmt.Sprintf("backstitch %s: exit status %d", command, status), Exit: client.ExitFailed,
		Detail: strings.TrimSpace(out.stdout + out.stderr), Next: "backstitch demo --dir DIR     keeps the logs",
	}
}

func tenths(since time.Time) string {
	return fmt.Sprintf("%.1f s", time.Since(since).Seconds())
}

func hour(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
