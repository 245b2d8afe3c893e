package seldom_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/seldom"
)

func TestWhatWasLeftOutIsCountedOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	var out bytes.Buffer
	l := seldom.New(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for range 1000 {
		l.Say(slog.LevelDebug, "what nobody hears does not count")
		l.Say(slog.LevelWarn, "noise", "from", "a")
	}
	if text := out.String(); strings.Count(text, "msg=noise from=a\n") != seldom.AtOnce || strings.Count(text, "\n") != seldom.AtOnce {
		t.Errorf("want %d lines at once, and that none was left out:\n%s", seldom.AtOnce, text)
	}
	out.Reset()
	now = now.Add(time.Second)
	for range 1000 {
		l.Say(slog.LevelInfo, "noise")
	}
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != seldom.PerSecond || !strings.Contains(lines[0], "left_out=950") || strings.Count(out.String(), "left_out") != 1 {
		t.Errorf("want %d lines in the next second, the first with how many were left out:\n%s", seldom.PerSecond, out.String())
	}
}
