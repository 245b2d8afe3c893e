package depot

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"backstitch/chaos/fakes"
	"backstitch/chaos/fault"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// open makes a depot in this process: its broker on loopback, its store and its control over HTTP.
func open(t *testing.T) (c Control, broker, store string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	fake, err := fakes.NewStore(fakes.StoreConfig{Seed: 1, Buckets: []string{Bucket}})
	if err != nil {
		t.Fatal(err)
	}
	d := &depot{cfg: Config{Dir: t.TempDir(), Broker: broker, Seed: 1}, store: fake}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close() })
	door := httptest.NewServer(d.control())
	t.Cleanup(door.Close)
	s3 := httptest.NewServer(fake.Handler())
	t.Cleanup(s3.Close)
	return Control{Addr: strings.TrimPrefix(door.URL, "http://")}, broker, s3.URL
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestAFaultOfTheStoreBitesUntilItIsHealed(t *testing.T) {
	c, _, store := open(t)
	heal, err := c.Hurt(t.Context(), fault.MustParse("store slowdown 100%"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, store+"/"+Bucket); got != http.StatusServiceUnavailable {
		t.Errorf("hurt: got status %d, want 503", got)
	}
	if hits, err := heal(t.Context()); hits != 1 || err != nil {
		t.Errorf("got %d hits (%v), want 1", hits, err)
	}
	if got := status(t, store+"/"+Bucket); got != http.StatusOK {
		t.Errorf("healed: got status %d, want 200", got)
	}
}

func TestTheBrokerComesBackWithWhatItHadAndKeepsTheCount(t *testing.T) {
	c, broker, _ := open(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		r := &kgo.Record{Topic: "orders", Value: fmt.Append(nil, n)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	heal, err := c.Hurt(t.Context(), fault.MustParse("retention 50%"), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.StopBroker(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Hurt(t.Context(), fault.MustParse("broker slow 5ms"), "orders"); err == nil {
		t.Error("a broker that is away was slowed down")
	}
	if err := c.StartBroker(t.Context()); err != nil {
		t.Fatal(err)
	}
	starts, err := admin.ListStartOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := starts.Lookup("orders", 0); !ok || o.Offset != 5 {
		t.Errorf("after the restart the topic begins at %d, want 5", o.Offset)
	}
	if hits, err := heal(t.Context()); hits != 5 || err != nil {
		t.Errorf("got %d hits (%v), want the 5 records", hits, err)
	}
}

func TestWhatTheDepotCanNotDoIsRefused(t *testing.T) {
	c, _, _ := open(t)
	for _, text := range []string{"broker restart", "kill owner", "unclean election 5%"} {
		if _, err := c.Hurt(t.Context(), fault.MustParse(text), "orders"); err == nil {
			t.Errorf("%s: got nil error", text)
		}
	}
}
