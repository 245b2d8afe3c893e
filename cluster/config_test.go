package cluster_test

import (
	"errors"
	"fmt"
	"testing"

	"backstitch/cluster"
	"backstitch/fsm"
	"backstitch/storage"
)

func TestHalfAConfigurationIsRefused(t *testing.T) {
	rows := map[string]func(*cluster.Config){
		"no name":                  func(c *cluster.Config) { c.Name = "" },
		"a name with a slash":      func(c *cluster.Config) { c.Name = "a/b" },
		"no directory":             func(c *cluster.Config) { c.DataDir = "" },
		"no role":                  func(c *cluster.Config) { c.Role = 0 },
		"nobody to join":           func(c *cluster.Config) { c.BootstrapExpect = 0 },
		"three and nobody to meet": func(c *cluster.Config) { c.BootstrapExpect = 3 },
		"alone and together":       func(c *cluster.Config) { c.RetryJoin = []string{"other:7422"} },
		"found by nothing there is": func(c *cluster.Config) {
			c.BootstrapExpect, c.RetryJoin = 3, []string{"a:7422", "provider=gce tag_value=prod"}
		},
		"two voters":               func(c *cluster.Config) { c.BootstrapExpect, c.RetryJoin = 2, []string{"other:7422"} },
		"a worker that bootstraps": func(c *cluster.Config) { c.Role = fsm.RoleWorker },
		"a certificate only":       func(c *cluster.Config) { c.TLS.Cert = "cert.pem" },
		"open without TLS":         func(c *cluster.Config) { c.BindAddr, c.AdvertiseAddr = "0.0.0.0:7421", "host:7421" },
		"open gossip without TLS":  func(c *cluster.Config) { c.GossipBindAddr = "10.0.0.1:7422" },
		"open without gossip key": func(c *cluster.Config) {
			c.BindAddr, c.TLS = "10.0.0.1:7421", cluster.TLSFiles{CA: "ca", Cert: "cert", Key: "key"}
		},
		"an address nobody can dial": func(c *cluster.Config) { c.AdvertiseAddr = "0.0.0.0:7421" },
		"no port":                    func(c *cluster.Config) { c.BindAddr = "localhost" },
		"impossible timings":         func(c *cluster.Config) { c.Raft.Election = c.Raft.Heartbeat / 2 },
		"a lease of nothing":         func(c *cluster.Config) { c.Leader.Lease = 0 },
	}
	for name, change := range rows {
		conf := cluster.DefaultConfig()
		conf.Name, conf.DataDir = "node-a", "/data"
		if err := conf.Validate(); err != nil {
			t.Fatalf("the default: %v", err)
		}
		change(&conf)
		err := conf.Validate()
		var e *cluster.Error
		if !errors.As(err, &e) || !errors.Is(err, cluster.ErrConfig) || e.Hint == "" || e.Code != cluster.CodeConfig {
			t.Errorf("%s: got %v, want a refusal with a hint", name, err)
		}
	}
}

func TestExitStatuses(t *testing.T) {
	rows := map[int][]error{
		0:                     {nil},
		1:                     {errors.New("anything")},
		cluster.ExitDamaged:   {cluster.ErrCannotRejoin, storage.ErrDamaged, storage.ErrShortened, fmt.Errorf("%w: %w", fsm.ErrLatched, storage.ErrDamaged)},
		cluster.ExitNewer:     {storage.ErrNewer},
		cluster.ExitDiskFull:  {storage.ErrFull},
		cluster.ExitDisk:      {storage.ErrDisk},
		cluster.ExitLatched:   {fsm.ErrLatched, fsm.ErrDiverged, fmt.Errorf("%w: %w", cluster.ErrRestart, storage.ErrDamaged)},
		cluster.ExitNodeIDUse: {cluster.ErrNodeIDInUse, storage.ErrLocked, storage.ErrForeign},
	}
	for want, errs := range rows {
		for _, err := range errs {
			if got := cluster.ExitStatus(err); got != want {
				t.Errorf("%v: got %d, want %d", err, got, want)
			}
		}
	}
}
