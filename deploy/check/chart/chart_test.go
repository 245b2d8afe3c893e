package chart

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write deploy/kubernetes anew")

const plain = "../../kubernetes/backstitch.yaml"

func TestTheManifestsAreWhatTheChartGives(t *testing.T) {
	files, err := render(t, "backstitch", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("# What the chart gives for its default values, release and namespace backstitch. make fix-deploy writes it.\n"), manifest(files)...)
	if *update {
		if err := os.WriteFile(plain, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(plain); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is not what the chart gives (make fix-deploy writes it): %v", plain, err)
	}
	if len(want) < 5000 {
		t.Errorf("the chart gives %d bytes", len(want))
	}
}

// sample are values with everything in them that can be said.
func sample() map[string]any {
	return map[string]any{
		"replicas": 5, "environment": "staging", "discovery": "srv", "updatePartition": 4, "antiAffinity": "soft", "priorityClassName": "high",
		"image":            map[string]any{"repository": "registry.internal/backstitch", "digest": "sha256:" + strings.Repeat("ab", 32)},
		"imagePullSecrets": []any{map[string]any{"name": "pull"}},
		"tls":              map[string]any{"secretName": "certs", "proofKey": false},
		"worker":           map[string]any{"lanes": 8, "memory": "256MiB"},
		"disk":             map[string]any{"soft": 70, "hard": 80, "enough": "2GiB"},
		"runbooks":         map[string]any{"url": "https://wiki.internal/runbooks"},
		"access": map[string]any{"oidc": map[string]any{
			"issuer": "https://login.internal/realms/ops", "clientID": "backstitch", "clientSecret": "env:OIDC_SECRET", "cliClientID": "backstitch-cli",
			"redirectURL": "https://backstitch.internal:7420/ui/login/callback", "scopes": []any{"openid", "offline_access"}, "algorithms": []any{"ES256"},
			"personClaim": "preferred_username", "groupsClaim": "roles", "ca": "/run/kafka/idp.pem",
			"roles": []any{map[string]any{"group": "sre", "role": "admin", "namespace": "*"}},
		}},
		"connections": map[string]any{
			"prod": map[string]any{"kafka": map[string]any{
				"brokers": []any{"kafka-1:9092"}, "tls": map[string]any{},
				"sasl": map[string]any{"mechanism": "scram-sha-512", "user": "env:KAFKA_USER", "password": "file:/run/kafka/password"},
			}},
			"archive": map[string]any{"s3": map[string]any{"region": "eu-central-1"}},
		},
		"envFrom":             []any{map[string]any{"secretRef": map[string]any{"name": "kafka"}}},
		"extraEnv":            []any{map[string]any{"name": "AWS_REGION", "value": "eu-central-1"}},
		"extraVolumes":        []any{map[string]any{"name": "kafka", "secret": map[string]any{"secretName": "kafka"}}},
		"extraVolumeMounts":   []any{map[string]any{"name": "kafka", "mountPath": "/run/kafka", "readOnly": true}},
		"storage":             map[string]any{"size": "20Gi", "className": "fast"},
		"nodeSelector":        map[string]any{"pool": "data"},
		"tolerations":         []any{map[string]any{"key": "data", "operator": "Exists"}},
		"podDisruptionBudget": map[string]any{"maxUnavailable": 2},
		"networkPolicy":       map[string]any{"enabled": true, "clients": []any{}, "metrics": []any{}},
		"podAnnotations":      map[string]any{"note": "x"}, "podLabels": map[string]any{"team": "data"},
	}
}

// environment is what a container gets, as a kubelet puts it together: values may name what stands before them.
func environment(t *testing.T, c corev1.Container, pod string) []string {
	t.Helper()
	known := map[string]string{}
	var out []string
	for _, e := range c.Env {
		value := e.Value
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			value = map[string]string{"metadata.name": pod, "status.podIP": "10.1.2.3", "metadata.labels['topology.kubernetes.io/zone']": "zone-1"}[e.ValueFrom.FieldRef.FieldPath]
			if value == "" {
				t.Errorf("%s: no kubelet knows %s", e.Name, e.ValueFrom.FieldRef.FieldPath)
			}
		}
		for name, is := range known {
			value = strings.ReplaceAll(value, "$("+name+")", is)
		}
		if strings.Contains(value, "$(") {
			t.Errorf("%s stays %q", e.Name, value)
		}
		known[e.Name] = value
		out = append(out, e.Name+"="+value)
	}
	return out
}

// TestAnAgentTakesTheConfiguration asks the program itself, with the arguments and the environment of a pod.
func TestAnAgentTakesTheConfiguration(t *testing.T) {
	program, err := filepath.Abs("../../../bin/backstitch")
	if err != nil {
		t.Fatal(err)
	}
	one := map[string]any{"replicas": 1}
	for name, values := range map[string]map[string]any{"defaults": nil, "all that can be said": sample(), "one replica": one} {
		o := must(t, "prod", values)
		c := o.set.Spec.Template.Spec.Containers[0]
		file := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(file, []byte(o.config.Data["agent.yaml"]), 0o600); err != nil {
			t.Fatal(err)
		}
		if want := []string{"agent", "--config", "/etc/backstitch/agent.yaml"}; !slices.Equal(c.Args, want) {
			t.Errorf("%s: starts with %q", name, c.Args)
		}
		for _, verb := range []string{"validate", "print"} {
			cmd := exec.Command(program, "config", verb, "--config", file)
			cmd.Env = append(environment(t, c, "backstitch-0"), "PATH=/nowhere")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: config %s: %v\n%s\n%s", name, verb, err, out, o.config.Data["agent.yaml"])
			}
			if verb == "validate" {
				continue
			}
			if name == "defaults" && (!strings.Contains(string(out), "soft: 85\n") || !strings.Contains(string(out), "hard: 95\n")) {
				t.Errorf("the marks of disks that the chart takes for the program's own are others:\n%s", out)
			}
			for _, line := range []string{"name: backstitch-0", "zone: zone-1", "rpc: 10.1.2.3:7421", "gossip: 10.1.2.3:7422",
				"api: backstitch-0.backstitch-headless.prod.svc:7420", "cert: /etc/backstitch-tls/backstitch-0.pem", "probes: 0.0.0.0:7423"} {
				if !strings.Contains(string(out), line) {
					t.Errorf("%s: an agent would not run with %q:\n%s", name, line, out)
				}
			}
		}
		mounted := map[string]string{}
		for _, m := range c.VolumeMounts {
			mounted[m.MountPath] = m.Name
		}
		if mounted["/var/lib/backstitch"] != "data" || mounted["/etc/backstitch"] != "config" || mounted["/etc/backstitch-tls"] != "tls" {
			t.Errorf("%s: mounts %v", name, mounted)
		}
		for at := range mounted {
			for other := range mounted {
				if at != other && strings.HasPrefix(other, at+"/") {
					t.Errorf("%s: %s lies in %s, which can not be written", name, other, at)
				}
			}
		}
	}
}

func TestAPodIsRestricted(t *testing.T) {
	for name, values := range map[string]map[string]any{"defaults": nil, "all that can be said": sample()} {
		o := must(t, "prod", values)
		pod := o.set.Spec.Template.Spec
		s, c := pod.SecurityContext, pod.Containers[0].SecurityContext
		if s.RunAsNonRoot == nil || !*s.RunAsNonRoot || *s.RunAsUser != 65532 || *s.FSGroup != 65532 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: %+v", name, s)
		}
		if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(c.Capabilities.Add) > 0 || c.Privileged != nil {
			t.Errorf("%s: %+v", name, c)
		}
		if *pod.AutomountServiceAccountToken || *o.account.AutomountServiceAccountToken || *pod.EnableServiceLinks || pod.ServiceAccountName != o.account.Name {
			t.Errorf("%s: a pod that never talks to Kubernetes gets a token, or variables of services", name)
		}
		for _, v := range pod.Volumes {
			if v.Name == "tls" && (*v.Secret.DefaultMode)&0o007 != 0 {
				t.Errorf("%s: keys have mode %o; the agent refuses what everybody can read", name, *v.Secret.DefaultMode)
			}
			if v.HostPath != nil {
				t.Errorf("%s: %s is the machine's", name, v.Name)
			}
		}
	}
}

func TestProbesAskTheDoorThatNeedsNoCertificate(t *testing.T) {
	c := must(t, "prod", nil).set.Spec.Template.Spec.Containers[0]
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz/startup": c.StartupProbe, "/healthz/live": c.LivenessProbe, "/healthz/ready": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || ports[probe.HTTPGet.Port.StrVal] != 7423 || probe.HTTPGet.Scheme != "" {
			t.Errorf("%s: %+v", path, probe)
		}
	}
	if c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Sleep == nil {
		t.Fatal("no hook before the end")
	}
	if s := c.StartupProbe; s.PeriodSeconds*s.FailureThreshold < 900 {
		t.Errorf("a start may take only %d s", s.PeriodSeconds*s.FailureThreshold)
	}
	if grace := *must(t, "prod", nil).set.Spec.Template.Spec.TerminationGracePeriodSeconds; grace < c.Lifecycle.PreStop.Sleep.Seconds+60 {
		t.Errorf("%d s to end, of which the hook takes %d", grace, c.Lifecycle.PreStop.Sleep.Seconds)
	}
}

func TestPodsFindEachOtherBeforeTheyAreReady(t *testing.T) {
	o := must(t, "prod", nil)
	if o.set.Spec.PodManagementPolicy != "Parallel" || !o.headless.Spec.PublishNotReadyAddresses || o.set.Spec.ServiceName != o.headless.Name {
		t.Error("a first start would wait for ever")
	}
	if !strings.Contains(o.config.Data["agent.yaml"], `["`+o.headless.Name+`.prod.svc:7422"]`) {
		t.Errorf("nobody is met at %s:\n%s", o.headless.Name, o.config.Data["agent.yaml"])
	}
	// A port of a headless service that has a name has SRV records under it and its protocol.
	found, named := must(t, "prod", map[string]any{"discovery": "srv"}), false
	for _, p := range found.headless.Spec.Ports {
		entry := `["dns+srv://_` + p.Name + `._tcp.` + found.headless.Name + `.prod.svc"]`
		named = named || p.Port == 7422 && p.Protocol != corev1.ProtocolUDP && strings.Contains(found.config.Data["agent.yaml"], entry)
	}
	if !named {
		t.Errorf("no port of gossip has the records that are asked for:\n%s", found.config.Data["agent.yaml"])
	}
	if o.client.Spec.PublishNotReadyAddresses || o.client.Name != "backstitch" {
		t.Errorf("people are sent to pods that are not ready: %+v", o.client.Spec)
	}
	labels := o.set.Spec.Template.Labels
	for name, selector := range map[string]map[string]string{
		"set": o.set.Spec.Selector.MatchLabels, "headless": o.headless.Spec.Selector, "client": o.client.Spec.Selector,
		"budget": o.budget.Spec.Selector.MatchLabels, "policy": o.policy.Spec.PodSelector.MatchLabels,
		"spread": o.set.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
		"apart":  o.set.Spec.Template.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector.MatchLabels,
		"peers":  o.policy.Spec.Ingress[0].From[0].PodSelector.MatchLabels,
	} {
		if len(selector) != 2 {
			t.Errorf("%s selects by %v", name, selector)
		}
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("%s selects %s=%s, pods have %v", name, k, v, labels)
			}
		}
	}
	if r := o.set.Spec.PersistentVolumeClaimRetentionPolicy; r.WhenDeleted != "Retain" || r.WhenScaled != "Retain" {
		t.Errorf("volumes do not stay: %+v", r)
	}
	for _, service := range []corev1.Service{o.headless, o.client} {
		names := map[string]bool{}
		for _, p := range o.set.Spec.Template.Spec.Containers[0].Ports {
			names[p.Name] = true
		}
		for _, p := range service.Spec.Ports {
			if !names[p.TargetPort.StrVal] || p.Port == 7423 {
				t.Errorf("%s leads to port %s", service.Name, p.TargetPort.StrVal)
			}
		}
	}
}

// A key that nobody set is left to the program, whose defaults may change.
func TestOnlyWhatIsSaidOfDisksIsWritten(t *testing.T) {
	for want, disk := range map[string]map[string]any{
		"":                           {},
		"disk: {soft: 90}":           {"soft": 90},
		"disk: {hard: 100}":          {"hard": 100},
		`disk: {enough: 0B}`:         {"enough": "0B"},
		"disk: {soft: 50, hard: 50}": {"soft": 50, "hard": 50},
		"disk: {soft: 70, hard: 80, enough: 1.5 GiB}": {"soft": 70, "hard": 80, "enough": "1.5 GiB"},
	} {
		text := must(t, "prod", map[string]any{"disk": disk}).config.Data["agent.yaml"]
		var got string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "disk:") {
				got = strings.TrimSpace(line)
			}
		}
		if got != want {
			t.Errorf("%v: got %q, want %q", disk, got, want)
		}
	}
}

func TestTheConfigurationChangesThePod(t *testing.T) {
	sum := func(values map[string]any) string {
		return must(t, "prod", values).set.Spec.Template.Annotations["checksum/config"]
	}
	if a, b := sum(nil), sum(map[string]any{"log": map[string]any{"level": "debug"}}); a == "" || a == b {
		t.Errorf("a pod does not notice another configuration: %q, %q", a, b)
	}
}

func TestADisruptionNeverTakesTheMajority(t *testing.T) {
	for replicas, want := range map[int]int{1: 0, 3: 1, 5: 1} {
		if got := must(t, "prod", map[string]any{"replicas": replicas}).budget.Spec.MaxUnavailable.IntValue(); got != want {
			t.Errorf("%d replicas: %d may be away, want %d", replicas, got, want)
		}
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	nested := func(outer, inner string, v any) map[string]any {
		return map[string]any{outer: map[string]any{inner: v}}
	}
	budget := func(replicas, n int) map[string]any {
		return map[string]any{"replicas": replicas, "podDisruptionBudget": map[string]any{"maxUnavailable": n}}
	}
	expect := func(replicas, n int) map[string]any {
		return map[string]any{"replicas": replicas, "bootstrapExpect": n}
	}
	for name, values := range map[string]map[string]any{
		"each makes a cluster of its own":   expect(3, 1),
		"nobody makes a cluster":            expect(3, 5),
		"one waits for others":              expect(1, 3),
		"an even number makes a cluster":    expect(5, 2),
		"even voters":                       {"replicas": 2},
		"no voters":                         {"replicas": 0},
		"seven voters":                      {"replicas": 7},
		"unknown key":                       {"replica": 3},
		"unknown environment":               {"environment": "prod"},
		"found by what there is not":        {"discovery": "consul"},
		"moving tag":                        nested("image", "tag", "latest"),
		"half a digest":                     nested("image", "digest", "sha256:abcd"),
		"no Secret":                         nested("tls", "secretName", ""),
		"no lanes":                          nested("worker", "lanes", 0),
		"memory without unit":               nested("worker", "memory", "256"),
		"a mark of no percent":              nested("disk", "soft", 0),
		"a mark above all":                  nested("disk", "hard", 101),
		"free bytes without unit":           nested("disk", "enough", "2"),
		"a mark that is none":               nested("disk", "full", 90),
		"marks crossed":                     {"disk": map[string]any{"soft": 90, "hard": 80}},
		"a soft mark above the other's own": nested("disk", "soft", 96),
		"a hard mark below the other's own": nested("disk", "hard", 84),
		"login in an address":               nested("runbooks", "url", "https://ana:hunter2@wiki"),
		"budget takes the majority of 3":    budget(3, 2),
		"budget takes the majority of 5":    budget(5, 3),
		"budget takes the only one":         budget(1, 1),
		"a provider in the clear":           nested("access", "oidc", map[string]any{"issuer": "http://login.internal", "clientID": "backstitch"}),
		"a provider without a client":       nested("access", "oidc", map[string]any{"issuer": "https://login.internal"}),
		"a literal secret of a client":      nested("access", "oidc", map[string]any{"issuer": "https://login.internal", "clientID": "backstitch", "clientSecret": "hunter2"}),
		"a shared secret as a signature":    nested("access", "oidc", map[string]any{"issuer": "https://login.internal", "clientID": "backstitch", "algorithms": []any{"HS256"}}),
		"two in one connection":             nested("connections", "p", map[string]any{"s3": map[string]any{}, "kafka": map[string]any{}}),
		"unknown connection":                nested("connections", "p", map[string]any{"ftp": map[string]any{}}),
		"a variable that is the chart's":    {"extraEnv": []any{map[string]any{"name": "BACKSTITCH_NAME", "value": "x"}}},
		"a volume that is the chart's":      {"extraVolumes": []any{map[string]any{"name": "data"}}},
		"a label that selectors need":       nested("podLabels", "app.kubernetes.io/name", "x"),
		"affinity":                          {"antiAffinity": "none"},
		"a size that is none":               nested("storage", "size", "10"),
		"a canary beyond all":               {"updatePartition": -1},
		"network policy with a misspelling": nested("networkPolicy", "client", []any{}),
	} {
		if _, err := render(t, "prod", values); err == nil {
			t.Errorf("%s: %v was taken", name, values)
		}
	}
	if o := must(t, "prod", expect(5, 3)); !strings.Contains(o.config.Data["agent.yaml"], "bootstrapExpect: 3\n") {
		t.Errorf("three that became five:\n%s", o.config.Data["agent.yaml"])
	}
	if _, err := render(t, "prod", sample()); err != nil {
		t.Errorf("good values are refused: %v", err)
	}
}

func TestAnOldKubernetesIsRefused(t *testing.T) {
	needs := load(t).Metadata.KubeVersion
	for version, want := range map[string]bool{"v1.29.9": false, "v1.30.2": true, "v1.33.1-eks-1": true, "v1.37.2": true} {
		if chartutil.IsCompatibleRange(needs, version) != want {
			t.Errorf("%s: taken %t, want %t", version, !want, want)
		}
	}
}

func TestAnotherReleaseHasAnotherName(t *testing.T) {
	files, err := renderAs(t, "eu", "prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	o := decode(t, files)
	if o.set.Name != "eu-backstitch" || o.headless.Name != "eu-backstitch-headless" || o.set.Spec.Selector.MatchLabels["app.kubernetes.io/instance"] != "eu" {
		t.Errorf("two releases in one namespace would be one: %s, %v", o.set.Name, o.set.Spec.Selector)
	}
	var notes string
	for name, text := range files {
		if filepath.Base(name) == "NOTES.txt" {
			notes = text
		}
	}
	if !strings.Contains(notes, "statefulset/eu-backstitch") || !strings.Contains(notes, "backstitch-tls") {
		t.Errorf("notes:\n%s", notes)
	}
}

// TestChaosMeshHitsWhatTheChartMakes: its objects select pods of a release for staging, where their data are mounted, and none of production.
func TestChaosMeshHitsWhatTheChartMakes(t *testing.T) {
	const namespace = "backstitch-staging"
	staging := must(t, namespace, map[string]any{"environment": "staging"}).set
	production := must(t, namespace, nil).set
	files, err := filepath.Glob("../../chaos-mesh/*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d objects, %v", len(files), err)
	}
	data := ""
	for _, m := range staging.Spec.Template.Spec.Containers[0].VolumeMounts {
		if m.Name == "data" {
			data = m.MountPath
		}
	}
	selectors := 0
	var walk func(file string, node any)
	walk = func(file string, node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				walk(file, child)
			}
		case map[string]any:
			if labels, ok := node["labelSelectors"].(map[string]any); ok {
				selectors++
				spared := false
				for k, v := range labels {
					if staging.Spec.Template.Labels[k] != v {
						t.Errorf("%s selects %s=%v, and pods have %v", file, k, v, staging.Spec.Template.Labels)
					}
					spared = spared || production.Spec.Template.Labels[k] != v
				}
				if !spared {
					t.Errorf("%s hits production", file)
				}
				if in, ok := node["namespaces"].([]any); !ok || len(in) != 1 || in[0] != namespace {
					t.Errorf("%s looks in %v", file, node["namespaces"])
				}
			}
			if at, ok := node["volumePath"]; ok && at != data {
				t.Errorf("%s hurts %v, data are in %s", file, at, data)
			}
			for _, child := range node {
				walk(file, child)
			}
		}
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := yaml.Unmarshal(raw, &object); err != nil {
			t.Fatal(err)
		}
		walk(filepath.Base(file), object)
	}
	if selectors < len(files) {
		t.Errorf("%d selectors in %d objects", selectors, len(files))
	}
}
