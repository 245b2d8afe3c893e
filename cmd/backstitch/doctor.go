package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/bucket"
	"backstitch/replay/layout"
	"backstitch/replay/schema"
)

// finding is one line of the doctor. The codes are stable.
type finding struct {
	Status string `json:"status"` // ok, warn, fail or skip
	Code   string `json:"code"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
	Next   string `json:"next,omitempty"`
}

// doctor looks at everything that its flags name, and writes nothing anywhere.
type doctor struct {
	app    *app
	where  places
	config string
	kafka  string
	s3     string
	topic  string
	url    string
	schema string // registry
	local  bool
	asked  bool // for the cluster: it was named, or nothing else was
	found  []finding
}

func newDoctor(a *app) *cobra.Command {
	d := &doctor{app: a}
	cmd := &cobra.Command{
		Use:   "doctor [TOPIC]",
		Short: "Check the cluster, a Kafka, an archive and a schema registry before relying on them",
		Long: `Check what is named and say what is wrong with it, each with a stable code. Nothing is written anywhere. The exit status is 1
when a check fails. Without --addr, a cluster that does not answer is no failure as long as something else is named.`,
		Example: `  backstitch doctor
  backstitch doctor orders --kafka localhost:9092 --archive s3://acme-archive/orders
  backstitch doctor orders --kafka prod --archive s3://acme-archive/orders --s3 archive --registry schemas --connections agent.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if d.topic != "" && d.topic != args[0] {
					return usage(cmd, fmt.Errorf("two topics: %s and --topic %s", args[0], d.topic))
				}
				d.topic = args[0]
			}
			if d.topic != "" && d.kafka == "" {
				return usage(cmd, errors.New("--kafka is missing: on which brokers is topic "+d.topic+"?"))
			}
			d.asked = cmd.Flags().Changed("addr") || d.kafka+d.url+d.schema+d.config == ""
			return d.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	d.where.flags(f)
	f.StringVar(&d.config, "config", "", "`file` with an agent's configuration to check")
	f.StringVar(&d.kafka, "kafka", "", "named connection or `host:port,...` of brokers to check")
	f.StringVar(&d.topic, "topic", "", "`topic` that a repair would write into")
	f.StringVar(&d.url, "archive", "", "`URL` of an archive to check")
	f.StringVar(&d.s3, "s3", "", "named connection or `endpoint` of the archive's object store")
	f.StringVar(&d.schema, "registry", "", "named connection or `URL` of a schema registry to check")
	f.BoolVar(&d.local, "no-cluster", false, "do not ask a node")
	return cmd
}

func (d *doctor) run(ctx context.Context) error {
	if err := d.where.load(d.app); err != nil {
		return err
	}
	d.checkConfig()
	if !d.local {
		d.checkCluster(ctx)
	}
	if d.kafka != "" {
		d.checkKafka(ctx)
	}
	if d.url != "" {
		d.checkArchive(ctx)
	}
	if d.schema != "" {
		d.checkRegistry(ctx)
	}
	var codes []string
	failed := 0
	for _, f := range d.found {
		codes = append(codes, f.Code)
		if f.Status == "fail" {
			failed++
		}
	}
	err := d.app.print(answer{value: struct {
		Findings []finding `json:"findings"`
	}{d.found}, rows: anys(d.found), names: codes, text: d.text})
	if err == nil && failed > 0 {
		return exitStatus(client.ExitFailed)
	}
	return err
}

func (d *doctor) text(w io.Writer) error {
	for _, f := range d.found {
		if _, err := fmt.Fprintf(w, "%-5s %s %-15s %s\n", f.Status, f.Code, f.Name, f.Detail); err != nil {
			return err
		}
		if f.Next != "" {
			if _, err := fmt.Fprintf(w, "      Next: %s\n", f.Next); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *doctor) add(status, code, name, detail, next string) {
	d.found = append(d.found, finding{status, code, name, strings.ReplaceAll(detail, "\n", "; "), next})
}

// fault adds a failed check from an error.
func (d *doctor) fault(code, name string, err error) {
	f := explain(err)
	detail := f.Title
	if f.Detail != "" {
		detail += ": " + f.Detail
	}
	d.add("fail", code, name, detail, f.Next)
}

func (d *doctor) checkConfig() {
	if d.config == "" {
		return
	}
	cfg, err := config.Load(d.config, noFlags())
	if err != nil {
		d.fault("BST-D101", "config", err)
		return
	}
	if err := cfg.Validate(); err != nil {
		d.fault("BST-D102", "config", badConfig(err))
		return
	}
	d.add("ok", "BST-D101", "config", "strict parse, nothing unknown", "")
}

func (d *doctor) checkCluster(ctx context.Context) {
	patience := d.app.patience / 5
	if !d.asked {
		patience = 0
	}
	c, err := d.app.patientClient(patience)
	if err != nil {
		d.fault("BST-D200", "api", err)
		return
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := c.Cluster(short)
	if !d.asked && client.HasCode(err, client.CodeUnreachable) {
		d.add("skip", "BST-D200", "api", "no node answers at "+strings.Join(d.app.addr, ", ")+"; to check a cluster: --addr HOST:7420", "")
		return
	}
	if err != nil {
		d.fault("BST-D200", "api", err)
		return
	}
	d.add("ok", "BST-D200", "api", "answered by "+s.Node.Name, "")
	switch {
	case s.Leader == nil:
		d.add("fail", "BST-D201", "quorum", "no leader: "+strings.Join(s.Reasons, "; "), "start the nodes that are down: backstitch cluster members")
	case s.FailureTolerance < 1 && s.Voters > 1:
		d.add("warn", "BST-D201", "quorum", fmt.Sprintf("%d voters, none may fail now", s.Voters), "backstitch cluster members")
	default:
		d.add("ok", "BST-D201", "quorum", fmt.Sprintf("%d voters, %d may fail, leader %s", s.Voters, s.FailureTolerance, s.Leader.Name), "")
	}
	members, err := c.Members(short)
	if err != nil {
		d.fault("BST-D202", "members", err)
		return
	}
	var lost []string
	for _, m := range members {
		if !m.Alive && m.State != "left" {
			lost = append(lost, m.Name)
		}
	}
	if len(lost) > 0 {
		d.add("warn", "BST-D202", "members", "lost: "+strings.Join(lost, ", "), "start them, or: backstitch cluster raft remove-peer NODE")
	} else {
		d.add("ok", "BST-D202", "members", fmt.Sprintf("%d known, none lost", len(members)), "")
	}
	d.checkClock(s.Clock, len(members))
	d.checkDisks(s.Disks)
	u, err := c.Upgrade(short)
	if err != nil {
		d.fault("BST-D204", "versions", err)
		return
	}
	d.checkVersions(u)
}

// checkVersions says whether an upgrade is under way, or waits for its end.
func (d *doctor) checkVersions(u client.Upgrade) {
	var versions []string
	for _, m := range u.Members {
		if !slices.Contains(versions, m.Version) {
			versions = append(versions, m.Version)
		}
	}
	detail := fmt.Sprintf("%s, feature level %d", strings.Join(versions, ", "), u.Level)
	switch u.State {
	case client.UpgradeRolling:
		d.add("warn", "BST-D204", "versions", detail, "finish the upgrade: backstitch cluster upgrade status")
	case client.UpgradeWaiting:
		d.add("warn", "BST-D204", "versions", fmt.Sprintf("%s; %d is not switched on", detail, u.Newest), upgradeNext(u))
	default:
		d.add("ok", "BST-D204", "versions", detail, "")
	}
}

// checkClock says whether the nodes' clocks agree. Nobody's records depend on it; what people read does, and what ends by the clock.
func (d *doctor) checkClock(k *client.Clock, members int) {
	switch {
	case k == nil && members < 2:
		d.add("ok", "BST-D203", "clock", "there is one node, and so one clock", "")
	case k == nil:
		d.add("skip", "BST-D203", "clock", "no other clock could be compared", "")
	case k.Apart:
		d.add("warn", "BST-D203", "clock", clockText(k), "on "+k.Node+": chronyc tracking, or timedatectl")
	default:
		d.add("ok", "BST-D203", "clock", clockText(k), "")
	}
}

// checkDisks says whether a disk is so full that its node does less.
func (d *doctor) checkDisks(disks []client.Disk) {
	worst := ""
	for _, k := range disks {
		if k.Level == "hard" || (k.Level == "soft" && worst == "") {
			worst = k.Level
		}
	}
	switch text := diskText(disks); {
	case worst == "hard":
		d.add("fail", "BST-D205", "disk", text, "free space there, or give dataDir a larger disk")
	case worst == "soft":
		d.add("warn", "BST-D205", "disk", text, "free space there, or give dataDir a larger disk")
	case text == "not known":
		d.add("skip", "BST-D205", "disk", "no node could say how full its disk is", "")
	default:
		d.add("ok", "BST-D205", "disk", text, "")
	}
}

func (d *doctor) checkKafka(ctx context.Context) {
	k, err := d.where.kafka(d.kafka)
	if err != nil {
		d.fault("BST-D401", "kafka", err)
		return
	}
	cl, err := d.where.dial(ctx, k)
	if err != nil {
		d.fault("BST-D401", "kafka", err)
		return
	}
	defer cl.Close()
	d.add("ok", "BST-D401", "kafka", strings.Join(k.Brokers, ",")+" answers", "")
	if d.topic == "" {
		return
	}
	admin := kadm.NewClient(cl)
	topics, err := admin.ListTopics(ctx, d.topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		d.add("fail", "BST-D402", "kafka topic", fmt.Sprintf("%s: %v", d.topic, err), "check the name, and that this principal may describe it")
		return
	}
	topic := topics[d.topic]
	d.add("ok", "BST-D402", "kafka topic", fmt.Sprintf("%s has %d partitions", d.topic, len(topic.Partitions)), "")
	d.checkAccess(ctx, cl.Request)
}

// checkAccess asks the broker what we may do with the topic. A broker without authorisation says nothing.
func (d *doctor) checkAccess(ctx context.Context, send func(context.Context, kmsg.Request) (kmsg.Response, error)) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(d.topic)
	req.Topics = append(req.Topics, t)
	req.IncludeTopicAuthorizedOperations = true
	reply, err := send(ctx, req)
	if err != nil {
		d.fault("BST-D404", "kafka acl", err)
		return
	}
	answer := reply.(*kmsg.MetadataResponse)
	if len(answer.Topics) != 1 || answer.Topics[0].AuthorizedOperations == -1<<31 {
		d.add("skip", "BST-D404", "kafka acl", "the broker does not say what this principal may do", "")
		return
	}
	bits := answer.Topics[0].AuthorizedOperations
	var missing []string
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe} {
		if bits&(1<<op) == 0 {
			missing = append(missing, strings.ToUpper(op.String()))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		d.add("fail", "BST-D404", "kafka acl", fmt.Sprintf("principal has no %s on topic %s", strings.Join(missing, ", "), d.topic),
			"kafka-acls --add --allow-principal User:NAME --operation "+missing[0]+" --topic "+d.topic)
		return
	}
	d.add("ok", "BST-D404", "kafka acl", "read, write and describe on "+d.topic, "")
}

// checkLayout says what a comparison would take the archive for.
func (d *doctor) checkLayout(ctx context.Context, b bucket.Bucket) {
	if d.topic == "" {
		return
	}
	found, err := layout.Detect(ctx, b, d.topic)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		d.add("warn", "BST-D303", "archive layout", "no key in "+b.URL()+" names "+d.topic, "check the prefix, and what the archive calls the topic")
	case errors.Is(err, layout.ErrAmbiguous):
		d.add("warn", "BST-D303", "archive layout", err.Error(), "say it: --layout "+strings.Join(layout.Names(), "|"))
	case err != nil:
		d.fault("BST-D303", "archive layout", err)
	default:
		d.add("ok", "BST-D303", "archive layout", found.Evidence, "")
	}
}

// checkRegistry asks whether a registry takes our login and knows the topic.
func (d *doctor) checkRegistry(ctx context.Context) {
	c, err := d.where.registry(d.schema)
	if err != nil {
		d.fault("BST-D501", "registry", err)
		return
	}
	r, err := d.where.reachRegistry(ctx, d.schema)
	if err != nil {
		d.fault("BST-D501", "registry", err)
		return
	}
	defer r.Close()
	d.add("ok", "BST-D501", "registry", c.URL+" answers and takes the login", "")
	if d.topic == "" {
		return
	}
	subject := schema.ValueSubject(d.topic)
	switch has, err := r.HasSubject(ctx, subject); {
	case err != nil:
		d.add("fail", "BST-D502", "registry subject", err.Error(), "check that this login may read "+subject)
	case !has:
		d.add("warn", "BST-D502", "registry subject", "it has no subject "+subject, "is it the registry of this topic, or are its subjects named in another way?")
	default:
		d.add("ok", "BST-D502", "registry subject", "it has schemas of "+subject, "")
	}
}

func (d *doctor) checkArchive(ctx context.Context) {
	s, err := d.where.s3(d.s3)
	if err != nil {
		d.fault("BST-D301", "archive", err)
		return
	}
	b, err := d.where.bucket(ctx, d.url, s, false)
	if err != nil {
		d.fault("BST-D301", "archive", err)
		return
	}
	for _, err := range b.List(ctx, "") {
		if err != nil {
			d.fault("BST-D301", "archive", err)
			return
		}
		d.add("ok", "BST-D301", "archive", b.URL()+" can be listed", "")
		d.checkLayout(ctx, b)
		return
	}
	d.add("warn", "BST-D302", "archive", b.URL()+" is empty", "check bucket and prefix, or fill it: backstitch archive TOPIC "+d.url)
}
