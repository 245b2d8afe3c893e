package promql

import (
	"strings"
	"testing"
)

func registered(t *testing.T) vocabulary {
	t.Helper()
	k, err := readVocabulary("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(k) < 25 {
		t.Fatalf("the program has only %d metrics", len(k))
	}
	return k
}

func TestQuerySeesWhatIsWrong(t *testing.T) {
	k := vocabulary{
		"a_total": {"counter", []string{"job", "result"}}, "b": {"gauge", []string{"kind"}}, "h_seconds": {"histogram", nil},
	}
	for expr, want := range map[string]string{
		`sum by (exported_job) (rate(a_total{job="x",result="ok"}[5m]))`:              "",
		`histogram_quantile(0.9, sum by (le, instance) (rate(h_seconds_bucket[5m])))`: "",
		`rate(h_seconds_sum[5m]) / rate(h_seconds_count[5m])`:                         "",
		`max by (kind) (b) > 0 or absent(b)`:                                          "",
		`time() - max by (kind) (b)`:                                                  "",
		`max by (job) (b) == 0 and on (job) sum by (job) (increase(a_total[1h])) > 0`: "",
		`sum without (instance) (up{job="x"})`:                                        "",
		`sum by (kind (b)`:                                                            "parse error",
		`c > 0`:                                                                       "there is no metric c",
		`b{colour="red"}`:                                                             "b has no label colour",
		`a_total{exported_instance="x"}`:                                              "no label exported_instance",
		`rate(b[5m])`:                                                                 "rate of b, which is a gauge",
		`sum by (result) (b)`:                                                         "by result",
		`histogram_quantile(0.9, sum by (instance) (rate(h_seconds_bucket[5m])))`:     "no le",
		`h_seconds > 1`:                                                               "there is no metric h_seconds",
		`sum by (kind) (max by (job) (b))`:                                            "by kind",
		`max by (job) (b) and on (kind) sum by (job) (a_total)`:                       "matches by kind",
		`time()`:                               "no metric",
		`a_total{result="ok"} / on (result) b`: "matches by result",
	} {
		_, _, err := k.query(expr)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", expr, err, want)
		}
	}
}
