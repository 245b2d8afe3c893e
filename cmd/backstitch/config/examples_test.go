package config

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestTheExamplesOfDeployAreComplete: an agent would run with each, and each belongs to a cluster of three.
func TestTheExamplesOfDeployAreComplete(t *testing.T) {
	plain, err := os.ReadFile("../../../deploy/systemd/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../../../deploy/cloud-init/node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var machine struct {
		Files []struct {
			Path, Owner, Permissions, Encoding, Content string
			Defer                                       bool
		} `yaml:"write_files"`
		Packages []string
		Run      [][]string `yaml:"runcmd"`
	}
	if err := yaml.UnmarshalWithOptions(raw, &machine, yaml.Strict()); err != nil || !strings.HasPrefix(string(raw), "#cloud-config\n") {
		t.Fatalf("cloud-init: %v", err)
	}
	examples := map[string]string{"systemd": string(plain)}
	written := map[string]bool{}
	for _, f := range machine.Files {
		written[f.Path] = true
		if f.Path == "/etc/backstitch/agent.yaml" {
			examples["cloud-init"] = f.Content
		}
		if f.Owner != "root:backstitch" || f.Permissions != "0640" || !f.Defer {
			t.Errorf("cloud-init: %s can be read by others, or is written before there is a group to read it: %+v", f.Path, f)
		}
	}
	if len(machine.Run) != 2 || machine.Run[1][0] != "systemctl" {
		t.Errorf("cloud-init starts nothing: %q", machine.Run)
	}
	for name, text := range examples {
		a, err := Load(write(t, text), flags(t))
		if err == nil {
			err = a.Validate()
		}
		if err != nil || a.Cluster.BootstrapExpect != 3 || a.DataDir != "/var/lib/backstitch" || a.Listen.Probes == "" {
			t.Errorf("%s: %v, %+v", name, err, a)
		}
		for _, file := range []string{a.TLS.CA, a.TLS.Cert, a.TLS.Key, a.Gossip.KeyFile, a.Proof.KeyFile} {
			if name == "cloud-init" && !written[file] {
				t.Errorf("cloud-init: nobody writes %s", file)
			}
		}
	}
	if len(examples) != 2 {
		t.Errorf("compared %d examples", len(examples))
	}
}
