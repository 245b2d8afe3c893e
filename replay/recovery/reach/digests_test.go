package reach_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

// plain opens references that give records and no digests.
type plain struct{ *reach.Clients }

func (c plain) Reference(ctx context.Context, s recovery.Source) (recovery.Reference, error) {
	r, err := c.Clients.Reference(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, ok := r.(source.Digester); ok == (s.Layout == "kafka") {
		panic("archives give digests, and topics do not: " + s.Layout)
	}
	return struct{ recovery.Reference }{r}, nil
}

// found is the report of a scan through clients, as it is written down.
func (l *lab) found(r *spec.Recovery, clients recovery.Clients) any {
	l.t.Helper()
	rep, err := recovery.Scan(l.t.Context(), r, clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	if len(rep.Findings) < 3 {
		l.t.Fatalf("got %d findings: too few to show anything", len(rep.Findings))
	}
	return shown(l.t, rep)
}

// What a scan finds by digests is what it finds by records: losses, damage in the middle of an object, records that are there twice, and
// refilled records that the archive holds beside their originals.
func TestAScanByDigestsFindsWhatOneByRecordsFinds(t *testing.T) {
	const ours = "ours"
	for _, writer := range []string{ours, "confluent", "confluent-gzip", "confluent-zstd", "lenses-envelope"} {
		t.Run(writer, func(t *testing.T) {
			var l *lab
			var r *spec.Recovery
			if writer == ours {
				l = newLab(t)
				copies := []record.Record{l.all[0][30], l.all[0][31]}
				for i := range copies {
					copies[i].Headers = append(copies[i].Headers[:len(copies[i].Headers):len(copies[i].Headers)],
						record.Header{Key: "backstitch.origin", Value: fmt.Appendf(nil, "orders/0/%d", 30+i)})
				}
				l.kafka.Produce("orders", 0, copies...)
				l.copyTo(nil)
				l.recreate(func(p int32, o int64) bool { return !lossOf(p, o) })
				r = l.spec("")
			} else {
				l = archived(t, writer, replaytest.Seed(t), lossOf)
				r = l.specOf("layout: auto")
			}
			l.kafka.Produce("orders", 2, l.all[2][3], record.Record{Value: []byte("of nobody")}, l.all[2][200])
			l.spoil()
			if diff := cmp.Diff(l.found(r, l.clients), l.found(r, plain{l.clients.(*reach.Clients)})); diff != "" {
				t.Errorf("by digests (-got +want):\n%s", diff)
			}
		})
	}
}

// spoil turns a bit over in the middle of one object of partition 1.
func (l *lab) spoil() {
	l.t.Helper()
	var files []string
	for _, pattern := range []string{"orders/00001/*", "topics/orders/partition=1/*", "*/1/*", "orders/1/*"} {
		more, err := filepath.Glob(filepath.Join(l.dir, pattern))
		if err != nil {
			l.t.Fatal(err)
		}
		files = append(files, more...)
	}
	if len(files) == 0 {
		l.t.Fatal("no object of partition 1")
	}
	raw, err := os.ReadFile(files[len(files)/2])
	if err != nil {
		l.t.Fatal(err)
	}
	raw[len(raw)/2] ^= 0x10
	if err := os.WriteFile(files[len(files)/2], raw, 0o600); err != nil {
		l.t.Fatal(err)
	}
}
