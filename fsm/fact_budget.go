package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// A budget bounds what jobs do to their targets in a second, all nodes together. The book says how much; who gets which part of it changes
// several times a second and is in no book (cluster/quota).

// Scope is what a budget is for: ScopeCluster, or what the functions below make.
type Scope string

// ScopeCluster is all that this cluster writes, and reads back.
const ScopeCluster Scope = "cluster"

const (
	scopeNamespace = "namespace/"
	scopeTarget    = "target/"
	scopeJob       = "job/"
)

// ScopeNamespace is all jobs of a namespace.
func ScopeNamespace(name string) Scope { return Scope(scopeNamespace + name) }

// ScopeTarget is a place: "kafka:CLUSTER-ID/TOPIC", "dir:PATH", "s3://BUCKET/PREFIX/TOPIC", or a whole Kafka cluster, "kafka:CLUSTER-ID".
func ScopeTarget(place string) Scope { return Scope(scopeTarget + place) }

// ScopeJob is one job.
func ScopeJob(id partition.JobID) Scope { return Scope(scopeJob + string(id)) }

// Job returns the job that the scope is, false for other scopes.
func (s Scope) Job() (partition.JobID, bool) {
	id, ok := strings.CutPrefix(string(s), scopeJob)
	return partition.JobID(id), ok
}

// invalid says what is wrong with a scope.
func (s Scope) invalid() string {
	if len(s) > maxLockBytes {
		return fmt.Sprintf("a scope of %d bytes, want at most %d", len(s), maxLockBytes)
	}
	if s == ScopeCluster {
		return ""
	}
	for _, kind := range [...]string{scopeNamespace, scopeTarget, scopeJob} {
		name, ok := strings.CutPrefix(string(s), kind)
		switch {
		case !ok || name == "" || strings.ContainsRune(name, 0):
		case kind == scopeTarget && !isPlace(name):
			return fmt.Sprintf("target %q is no place that a job writes to: want kafka:CLUSTER-ID, kafka:CLUSTER-ID/TOPIC, dir:PATH or s3://BUCKET/PREFIX/TOPIC", name)
		default:
			return ""
		}
	}
	return fmt.Sprintf("scope %q, want cluster, namespace/NAME, target/PLACE or job/ID", string(s))
}

// isPlace reports whether locks can begin like that: a budget for what no job can have would bound nothing, and say that it does.
func isPlace(name string) bool {
	for _, kind := range [...]string{"kafka:", "dir:/", "s3://"} {
		if rest, ok := strings.CutPrefix(name, kind); ok {
			return rest != ""
		}
	}
	return false
}

// Scopes are what budgets of j may be for, the widest first. One that writes nothing has none: scans have a rate of their own.
func (j *Job) Scopes() []Scope {
	if len(j.Locks) == 0 {
		return nil
	}
	out := []Scope{ScopeCluster, ScopeNamespace(j.Namespace)}
	if place, ok := PlaceOfLocks(j.Locks); ok {
		if id, ok := strings.CutPrefix(place, "kafka:"); ok {
			cluster, _, _ := strings.Cut(id, "/")
			out = append(out, ScopeTarget("kafka:"+cluster))
		}
		out = append(out, ScopeTarget(place))
	}
	return append(out, ScopeJob(j.ID))
}

// Budget is a bound for one scope.
type Budget struct {
	Scope Scope
	Rate  partition.Rate

	PutBy        string
	Why          string
	PutUnixNanos int64
	ModifyIndex  uint64
}

// MaxBudgets is how many budgets a book has.
const MaxBudgets = 1000

func budgetKey(s Scope) []byte { return key(kindBudget, []byte(s)) }

// Budget returns the budget of a scope; ok is false when it is not bounded.
func (v *View) Budget(s Scope) (b Budget, ok bool, err error) {
	ok, err = v.read(budgetKey(s), &b)
	return b, ok, err
}

// Budgets returns all budgets by scope.
func (v *View) Budgets() ([]Budget, error) {
	var out []Budget
	for b, err := range each[Budget](v, key(kindBudget), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// dropBudget forgets the budget of a job that will not run again.
func (t *tx) dropBudget(j partition.JobID) {
	var b Budget
	if t.version() >= budgetsSince && t.read(budgetKey(ScopeJob(j)), &b) {
		t.remove(budgetKey(ScopeJob(j)))
	}
}
