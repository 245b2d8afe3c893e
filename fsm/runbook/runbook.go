package runbook

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Dir is where the pages are, relative to the repository.
const Dir = "deploy/runbooks"

// kinds are those of findings, as output spells them.
var kinds = map[string]string{
	"missing":        "missing.md",
	"partly":         "partly.md",
	"duplicate":      "duplicate.md",
	"corrupt":        "corrupt.md",
	"not comparable": "not-comparable.md",
	"extra":          "extra.md",
	"at risk":        "at-risk.md",
	"misplaced":      "misplaced.md",
	"schema":         "schema.md",
	"anomaly":        "anomaly.md",
}

// alerts are those of deploy/alerts and those that agents raise by themselves.
var alerts = map[string]string{
	"BackstitchNoLeader":            "BackstitchNoLeader.md",
	"BackstitchQuorumAtRisk":        "BackstitchQuorumAtRisk.md",
	"BackstitchGapDetected":         "BackstitchGapDetected.md",
	"BackstitchGapUnknown":          "not-comparable.md", // the same question, asked by a metric
	"BackstitchJobStalled":          "BackstitchJobStalled.md",
	"BackstitchVerifyFailed":        "BackstitchVerifyFailed.md",
	"BackstitchVerifyIndeterminate": "BackstitchVerifyIndeterminate.md",
	"BackstitchScanStale":           "BackstitchScanStale.md",
	"BackstitchQuarantineGrowing":   "BackstitchQuarantineGrowing.md",
	"BackstitchDiskPressure":        "BackstitchDiskPressure.md",
	"BackstitchDiskFilling":         "BackstitchDiskFull.md",
	"BackstitchDiskFull":            "BackstitchDiskFull.md",
	"BackstitchClockSkew":           "BackstitchClockSkew.md",
	"BackstitchRecoveryFailed":      "BackstitchRecoveryFailed.md",
	"BackstitchScanFailed":          "BackstitchScanFailed.md",
	"BackstitchPlanWaiting":         "BackstitchPlanWaiting.md",
	"BackstitchSlaAtRisk":           "BackstitchSlaAtRisk.md",
	"BackstitchSlaMissed":           "BackstitchSlaMissed.md",
	"BackstitchAnomaly":             "anomaly.md",
	"BackstitchFlowWaiting":         "BackstitchFlowWaiting.md",
	"BackstitchFlowFailed":          "BackstitchFlowFailed.md",
}

// OfKind returns the page about a kind of finding, as Dir/FILE.md, "" for a word that is none.
func OfKind(kind string) string { return page(kinds, kind) }

// OfAlert returns the page about an alert, as Dir/FILE.md, "" for a name that is none.
func OfAlert(name string) string { return page(alerts, name) }

// Kinds returns the kinds that have a page, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Alerts returns the alerts that have a page, in order.
func Alerts() []string { return slices.Sorted(maps.Keys(alerts)) }

func page(of map[string]string, word string) string {
	file, ok := of[word]
	if !ok {
		return ""
	}
	return Dir + "/" + file
}

// At returns where a page is served: its file name behind base, which is what Dir is under. Without a base, or a page, it is "".
func At(base, page string) string {
	if base == "" || page == "" {
		return ""
	}
	return strings.TrimRight(base, "/") + strings.TrimPrefix(page, Dir)
}

// CheckBase refuses a base that no page can be behind: it has to be http or https with a host, and without a login, query or fragment.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // without the text, which may hold a login
		}
		return fmt.Errorf("is no URL: %w", err)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("%q is not http://HOST/PATH or https://HOST/PATH", u.Redacted())
	case u.User != nil:
		return errors.New("has a login, and would be sent to everybody who is told of an alert")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("%q: a page's name is put behind it, so it must end with a path", base)
	}
	return nil
}
