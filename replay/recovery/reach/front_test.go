package reach_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

// byGUIDInFront names schemas as the first version of the frame with GUIDs does.
func byGUIDInFront(from byte) naming {
	return func(n byte, payload string) ([]byte, []record.Header) {
		guid := [17]byte{0: 1, 16: from + n}
		return append(guid[:], payload...), nil
	}
}

// TestGUIDsInFrontThatCanNotBeToldAreNoLoss: a registry that has one, has none, and could not be asked are three things, and only the first two say
// anything of a record.
func TestGUIDsInFrontThatCanNotBeToldAreNoLoss(t *testing.T) {
	t.Parallel() // it waits, and others may work meanwhile
	guids := func(answer func(w http.ResponseWriter)) func(*schematest.Registry) {
		return func(r *schematest.Registry) {
			r.Odd(func(w http.ResponseWriter, req *http.Request) bool {
				asked := strings.HasPrefix(req.URL.Path, "/schemas/guids/")
				if asked {
					answer(w)
				}
				return asked
			})
		}
	}
	none := guids(func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":40403,"message":"not found"}`)
	})
	old := guids(func(w http.ResponseWriter) { http.NotFound(w, nil) })
	for name, c := range map[string]struct {
		here, there naming
		hurt        func(m *mirror)
		lost        int64
		unknown     int
		says        string
	}{
		"a copy with other GUIDs":        {byGUIDInFront(0), byGUIDInFront(50), func(*mirror) {}, 2, 0, ""},
		"no registry has them":           {byGUIDInFront(70), byGUIDInFront(70), func(*mirror) {}, 2, 0, ""},
		"bytes that were not renamed":    {byGUIDInFront(0), byGUIDInFront(0), func(*mirror) {}, 0, replaytest.Partitions, "only one registry has the GUID"},
		"the source's knows no GUIDs":    {byGUIDInFront(0), byGUIDInFront(50), func(m *mirror) { old(m.one) }, 0, replaytest.Partitions, "404 Not Found"},
		"nobody's, and one knows none":   {byGUIDInFront(70), byGUIDInFront(70), func(m *mirror) { old(m.two) }, 0, replaytest.Partitions, "404 Not Found"},
		"the source's was set up afresh": {byGUIDInFront(0), byGUIDInFront(0), func(m *mirror) { none(m.one); m.registerThere(1, 2) }, 0, replaytest.Partitions, "only one registry has the GUID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirrorOf(t, c.here, c.there)
			c.hurt(m)
			rep, err := m.scan(true)
			if err != nil {
				t.Fatal(err)
			}
			m.samePieces(rep)
			if lost, _ := rep.Lost(); lost != c.lost || rep.Unknown() != c.unknown {
				t.Errorf("got %d records lost and %d partitions that can not be compared, want %d and %d: %+v", lost, rep.Unknown(), c.lost, c.unknown, rep.Findings)
			}
			for _, f := range rep.Findings {
				if f.Kind == gap.NotComparable && (c.says == "" || !strings.Contains(f.Reason, c.says)) {
					t.Errorf("got %q, want %q", f.Reason, c.says)
				}
			}
		})
	}
}

// registerThere gives the target's registry the schemas that have these GUIDs in the source's.
func (m *mirror) registerThere(guids ...byte) {
	for i, n := range guids {
		m.two.PutGUID(record.SchemaName{ByGUID: true, GUID: [16]byte{15: n}}.Text(), sr.Schema{Schema: []string{`"string"`, `"bytes"`}[i]})
	}
}

// TestGUIDsInFrontAreRenamedAndCompared: a repair beside a registry with other GUIDs writes its GUIDs, and finds what is there under them.
func TestGUIDsInFrontAreRenamedAndCompared(t *testing.T) {
	m := newMirrorOf(t, byGUIDInFront(0), byGUIDInFront(50))
	m.from.Produce("orders", 0, record.Record{TimestampMs: 1_795_132_800_100, Key: []byte("none"), Value: append([]byte{1, 0xee}, make([]byte, 20)...)})
	for i, text := range []string{`"string"`, `"bytes"`} {
		m.two.RegisterNamed("orders.copy-value", 51+i, record.SchemaName{ByGUID: true, GUID: [16]byte{15: byte(51 + i)}}.Text(), sr.Schema{Schema: text})
	}
	r := m.spec(true)
	r.Spec.Target.Kafka.Schemas = "remap"
	opt := recovery.DefaultOptions()
	opt.Now = func() time.Time { return time.UnixMilli(1_795_132_800_000) }
	p, err := recovery.Build(t.Context(), r, m.clients(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if p.Totals.Records != 3 {
		t.Errorf("got %d records to write, want the one that is lost, the one that is another, and the one that names nothing", p.Totals.Records)
	}
	var refused *recovery.Error
	// Without that its bytes would be those of a schema that the target does not know.
	if _, err := m.plan(true); !errors.As(err, &refused) || refused.Code != recovery.CodeNumbers {
		t.Errorf("a plan that writes GUIDs as they are: got %v, want %s", err, recovery.CodeNumbers)
	}
}
