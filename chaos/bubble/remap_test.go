package bubble

import (
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"backstitch/chaos/fakes"
	"backstitch/fsm"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
)

// A topic is put back beside a registry that has the same schemas by other numbers, by three nodes of which two die. The agents know no
// registry: what they write is what the plan has pinned.

const (
	noteText  = `{"type":"object","properties":{"at":{"type":"string"}}}`
	orderText = `{"type":"record","name":"acme.Order","fields":[{"name":"at","type":"string"}]}`
)

// numbered is a registry with both schemas behind so many others.
func numbered(t *testing.T, topic string, others int) string {
	t.Helper()
	r := srfake.NewRegistry()
	for i := range others {
		r.SeedSchema(fmt.Sprint("other-", i), 1, i+1, sr.Schema{Schema: fmt.Sprintf(`{"type":"enum","name":"o%d","symbols":["a"]}`, i)})
	}
	r.SeedSchema(topic+"-value", 1, others+1, sr.Schema{Schema: noteText, Type: sr.TypeJSON})
	r.SeedSchema(topic+"-value", 2, others+2, sr.Schema{Schema: orderText})
	srv := httptest.NewUnstartedServer(r.Handler())
	srv.Config.SetKeepAlivesEnabled(false) // a connection that stays open would hold virtual time
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// named gives a record of the mirror the name of its schema, where numbers begin behind others: even ones are JSON, odd ones Avro.
func named(others int) func(*kgo.Record) {
	return func(r *kgo.Record) {
		at := string(r.Value)
		head := func(n int) []byte { return binary.BigEndian.AppendUint32([]byte{0}, uint32(others+n)) }
		if strings.HasSuffix(at, "0") || strings.HasSuffix(at, "4") {
			r.Value = fmt.Appendf(head(1), `{"at":%q}`, at)
			return
		}
		r.Value, _ = avro.MustParse(`"string"`).AppendEncode(head(2), at)
	}
}

func TestRecordsGetTheNamesOfTheTargetAcrossDeaths(t *testing.T) {
	const west, east = 0, 50
	at := map[string]string{"west": numbered(t, "mirror", west), "east": numbered(t, "copy", east)}
	story(t, func(t *testing.T, l *scanLab) {
		l.topic("mirror", nil)
		l.topic("copy", nil)
		l.fill("mirror", func(int) bool { return true }, named(west))
		l.fill("copy", middle, named(east))
		l.slow()
		r := l.parse(fmt.Sprintf("  source: {kafka: {brokers: %q, topic: mirror, registry: west}}\n  target: {kafka: {brokers: %[1]q, topic: copy, registry: east, schemas: remap}}\n%s",
			strings.Join(l.kafka.Addrs(), ","), small))
		clients := reach.New(open.Config{Env: fakes.Env, Client: l.kafka.Opts("judge"), Registry: func(name string) (connect.Registry, bool) {
			return connect.Registry{URL: at[name]}, at[name] != ""
		}})
		opt := recovery.DefaultOptions()
		opt.Now, opt.Scan = time.Now, l.config()
		s := l.submit(recovery.Build(t.Context(), r, clients, opt))
		if want := int64(2 * 60); s.Records != want {
			t.Errorf("the plan writes %d records, want %d: what is there under other numbers is there", s.Records, want)
		}
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		got := map[string]int{}
		for _, r := range l.read("copy") {
			got[string(r.Value)]++
		}
		for part := range 2 {
			for n := range mirrored {
				want := mirror("copy", part, n)
				named(east)(want)
				if got[string(want.Value)] != 1 {
					t.Errorf("record %d/%d is there %d times under the target's names, want once", part, n, got[string(want.Value)])
				}
				delete(got, string(want.Value))
			}
		}
		if len(got) > 0 {
			t.Errorf("%d values are there that the mirror does not have, or under names that mean something else", len(got))
		}
	})
}
