package sentinel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Drift is one setting of a topic that is not what it was, or not what it should be.
type Drift struct {
	Topic   string `json:"topic"`
	Setting string `json:"setting"`
	Was     string `json:"was"`
	Is      string `json:"is"`
	// Shorter says that records stay for less time than before.
	Shorter bool `json:"shorter"`
}

// idSetting stands for the id of a topic among its settings.
const idSetting = "topic id"

// settings are those that decide how long records stay, by Kafka's names.
func (r Retention) settings() map[string]string {
	return map[string]string{
		"cleanup.policy": r.Policy, "retention.ms": number(r.Ms), "retention.bytes": number(r.Bytes),
		"segment.ms": number(r.SegmentMs), "segment.bytes": number(r.SegmentBytes), "delete.retention.ms": number(r.TombstoneMs),
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// Compare says what is other in now than it was in before, for topics that both have.
func Compare(before, now map[string]TopicSample) []Drift {
	var out []Drift
	for _, topic := range slices.Sorted(maps.Keys(now)) {
		was, ok := before[topic]
		if !ok {
			continue
		}
		is := now[topic]
		if was.ID != is.ID && was.ID != "" && is.ID != "" {
			out = append(out, Drift{Topic: topic, Setting: idSetting, Was: was.ID, Is: is.ID})
		}
		if was.Retention.Known && is.Retention.Known {
			out = append(out, differ(topic, was.Retention.settings(), is.Retention)...)
		}
	}
	return out
}

// Declared says which topics do not have the settings that somebody declared, by Kafka's names and values.
func Declared(want map[string]string, now map[string]TopicSample) ([]Drift, error) {
	for name, value := range want {
		if _, ok := (Retention{}).settings()[name]; !ok {
			return nil, fmt.Errorf("%s is not a setting of retention: want one of %s", name, strings.Join(slices.Sorted(maps.Keys((Retention{}).settings())), ", "))
		}
		if _, err := strconv.ParseInt(value, 10, 64); err != nil && name != "cleanup.policy" {
			return nil, fmt.Errorf("%s=%s: want a number, as Kafka has it", name, value)
		}
	}
	var out []Drift
	for _, topic := range slices.Sorted(maps.Keys(now)) {
		if r := now[topic].Retention; r.Known {
			out = append(out, differ(topic, want, r)...)
		}
	}
	return out, nil
}

func differ(topic string, was map[string]string, is Retention) []Drift {
	var out []Drift
	have := is.settings()
	for name, old := range was {
		if have[name] != old {
			out = append(out, Drift{Topic: topic, Setting: name, Was: old, Is: have[name], Shorter: shorter(name, old, have[name])})
		}
	}
	slices.SortFunc(out, func(a, b Drift) int { return cmp.Compare(a.Setting, b.Setting) })
	return out
}

// shorter reports whether the change lets records go that would have stayed.
func shorter(setting, was, is string) bool {
	switch setting {
	case "cleanup.policy":
		return !strings.Contains(was, "delete") && strings.Contains(is, "delete")
	case "retention.ms", "retention.bytes":
		a, _ := strconv.ParseInt(was, 10, 64)
		b, _ := strconv.ParseInt(is, 10, 64)
		return b >= 0 && (a < 0 || b < a)
	}
	return false
}

// text prints a value with its unit.
func (d Drift) text(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || d.Setting == idSetting {
		return value
	}
	if n < 0 {
		return "no limit"
	}
	if strings.HasSuffix(d.Setting, ".ms") {
		return value + " (" + Days(n) + ")"
	}
	return value
}
