package access

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm"
)

// This file is the one table of what a request needs. The API takes a route only with a row here, docs/access.md is this table, and a test goes
// through every row with every role.

// Scope says which namespace a verb concerns, and so where a role is looked for.
type Scope uint8

const (
	ScopeOpen    Scope = 1 // for everybody, also who is not known
	ScopeKnown   Scope = 2 // for everybody who is known, with a role or without
	ScopeAny     Scope = 3 // a role in one namespace will do; an answer that lists things has only those of such namespaces
	ScopeObject  Scope = 4 // the namespace of what it is about
	ScopeCluster Scope = 5 // no namespace: the role is needed in all
)

// Verb is one thing that the API does.
type Verb struct {
	Name  string // the id of its operation in the API's description
	Needs fsm.AccessRole
	Scope Scope
	Of    string // for people: whose namespace, of ScopeObject
	// Two are the cases in which a second person has to say yes, for people; "" when there is none.
	Two string
}

// Where says for people which namespace the verb concerns.
func (v Verb) Where() string {
	switch v.Scope {
	case ScopeOpen:
		return "open to everybody"
	case ScopeKnown:
		return "whoever is known"
	case ScopeAny:
		return "any namespace"
	case ScopeObject:
		return "that of " + v.Of
	}
	return "all namespaces"
}

const (
	none     = fsm.AccessNone
	viewer   = fsm.AccessViewer
	operator = fsm.AccessOperator
	approver = fsm.AccessApprover
	admin    = fsm.AccessAdmin
)

// verbs are all rows, by name.
var verbs = [...]Verb{
	{"approve-plan", approver, ScopeObject, "the dataset", ""},
	{"approve-request", approver, ScopeObject, "the request", ""},
	{"approve-step", approver, ScopeObject, "the flow", "always: not by who submitted the flow"},
	{"bootstrap-access", none, ScopeOpen, "", ""},
	{"can-i", none, ScopeKnown, "", ""},
	{"cancel-flow", operator, ScopeObject, "the flow", ""},
	{"cancel-job", operator, ScopeObject, "the job", ""},
	{"cancel-scan", operator, ScopeObject, "the scan", ""},
	{"create-token", admin, ScopeCluster, "", ""},
	{"delete-dataset", operator, ScopeObject, "the dataset", "always"},
	{"delete-policy", admin, ScopeCluster, "", ""},
	{"discard-records", operator, ScopeObject, "the job", ""},
	{"drain-member", operator, ScopeCluster, "", ""},
	{"finish-upgrade", admin, ScopeCluster, "", ""},
	{"heal-fault", operator, ScopeCluster, "", ""},
	{"heal-faults", operator, ScopeCluster, "", ""},
	{"health-live", none, ScopeOpen, "", ""},
	{"health-ready", none, ScopeOpen, "", ""},
	{"health-startup", none, ScopeOpen, "", ""},
	{"inject-fault", admin, ScopeCluster, "", ""},
	{"install-gossip-key", admin, ScopeCluster, "", ""},
	{"join-cluster", admin, ScopeCluster, "", ""},
	{"leave-cluster", admin, ScopeCluster, "", ""},
	{"list-aliases", viewer, ScopeAny, "", ""},
	{"list-audit-records", viewer, ScopeCluster, "", ""},
	{"list-budgets", viewer, ScopeObject, "the job that is asked for; without one, all", ""},
	{"list-dataset-schemas", viewer, ScopeObject, "the dataset", ""},
	{"list-datasets", viewer, ScopeAny, "", ""},
	{"list-discarded-records", viewer, ScopeObject, "the job", ""},
	{"list-faults", viewer, ScopeCluster, "", ""},
	{"list-flow-schedules", viewer, ScopeAny, "", ""},
	{"list-flows", viewer, ScopeAny, "", ""},
	{"list-gossip-keys", admin, ScopeCluster, "", ""},
	{"list-jobs", viewer, ScopeAny, "", ""},
	{"list-maintenance", viewer, ScopeAny, "", ""},
	{"list-members", viewer, ScopeAny, "", ""},
	{"list-peers", viewer, ScopeAny, "", ""},
	{"list-policies", admin, ScopeCluster, "", ""},
	{"list-proof-keys", viewer, ScopeAny, "", ""},
	{"list-proofs", viewer, ScopeObject, "the job", ""},
	{"list-requests", viewer, ScopeAny, "", ""},
	{"list-scan-schedules", viewer, ScopeAny, "", ""},
	{"list-scans", viewer, ScopeAny, "", ""},
	{"list-slices", viewer, ScopeObject, "the job", ""},
	{"list-tokens", admin, ScopeCluster, "", ""},
	{"metrics", viewer, ScopeCluster, "", ""},
	{"openapi", none, ScopeOpen, "", ""},
	{"pause-flow", operator, ScopeObject, "the flow", ""},
	{"pause-flow-schedule", operator, ScopeObject, "the flow", ""},
	{"pause-job", operator, ScopeObject, "the job", ""},
	{"prioritise-job", operator, ScopeObject, "the job", "to 90 and more"},
	{"publish-alias", operator, ScopeObject, "the job, and of what readers come from", "over what is published"},
	{"put-budget", operator, ScopeObject, "the bound; of a target or the cluster, all", ""},
	{"put-dataset", operator, ScopeObject, "the dataset", "under policy `run`"},
	{"put-flow-schedule", operator, ScopeObject, "the flow", "if its runs make plans"},
	{"put-maintenance", operator, ScopeCluster, "", ""},
	{"put-policy", admin, ScopeCluster, "", ""},
	{"put-scan-schedule", operator, ScopeObject, "the schedule, and of the one that it replaces", ""},
	{"record-proof", operator, ScopeObject, "the job", ""},
	{"reject-plan", approver, ScopeObject, "the dataset", ""},
	{"reject-step", approver, ScopeObject, "the flow", ""},
	{"remove-flow-schedule", operator, ScopeObject, "the flow", ""},
	{"remove-gossip-key", admin, ScopeCluster, "", ""},
	{"remove-peer", admin, ScopeCluster, "", ""},
	{"remove-scan-schedule", operator, ScopeObject, "the schedule", ""},
	{"restore-records", operator, ScopeObject, "the job", ""},
	{"restore-snapshot", admin, ScopeCluster, "", ""},
	{"resume-flow", operator, ScopeObject, "the flow", ""},
	{"resume-flow-schedule", operator, ScopeObject, "the flow", ""},
	{"resume-job", operator, ScopeObject, "the job", ""},
	{"retry-flow", operator, ScopeObject, "the flow", ""},
	{"retry-job", operator, ScopeObject, "the job", ""},
	{"revert-alias", operator, ScopeObject, "the job, and of what readers come from", "always"},
	{"revoke-token", admin, ScopeCluster, "", ""},
	{"save-snapshot", admin, ScopeCluster, "", ""},
	{"scan-dataset", operator, ScopeObject, "the dataset", ""},
	{"set-upgrade", admin, ScopeCluster, "", ""},
	{"show-access", none, ScopeKnown, "", ""},
	{"show-alias", viewer, ScopeObject, "the job that was published last", ""},
	{"show-alias-groups", viewer, ScopeObject, "the job that was published last", ""},
	{"show-cluster", viewer, ScopeAny, "", ""},
	{"show-curve", viewer, ScopeObject, "the job", ""},
	{"show-dataset", viewer, ScopeObject, "the dataset", ""},
	{"show-flow", viewer, ScopeObject, "the flow", ""},
	{"show-job", viewer, ScopeObject, "the job", ""},
	{"show-login", none, ScopeOpen, "", ""},
	{"show-plan", viewer, ScopeObject, "the dataset", ""},
	{"show-proof", viewer, ScopeObject, "the job that it is of", ""},
	{"show-recipe", viewer, ScopeObject, "the job", ""},
	{"show-report", viewer, ScopeObject, "the job that it is of", ""},
	{"show-scan", viewer, ScopeObject, "the scan", ""},
	{"show-scan-findings", viewer, ScopeObject, "the scan", ""},
	{"show-stacks", viewer, ScopeCluster, "", ""},
	{"show-token", admin, ScopeCluster, "", ""},
	{"show-upgrade", viewer, ScopeAny, "", ""},
	{"submit-flow", operator, ScopeObject, "the flow", ""},
	{"submit-job", operator, ScopeObject, "the job", "of priority 90 and more"},
	{"submit-scan", operator, ScopeObject, "the scan", ""},
	{"transfer-leader", operator, ScopeCluster, "", ""},
	{"trigger-alertmanager", operator, ScopeObject, "each dataset that an alert names", ""},
	{"uncordon-member", operator, ScopeCluster, "", ""},
	{"use-gossip-key", admin, ScopeCluster, "", ""},
	{"use-proof-key", admin, ScopeCluster, "", ""},
	{"void-job", operator, ScopeObject, "the job", "always"},
}

// Verbs returns the whole table, by name.
func Verbs() []Verb { return slices.Clone(verbs[:]) }

// FindVerb returns the row of a verb; ok is false for what the API does not do.
func FindVerb(name string) (v Verb, ok bool) {
	i, ok := slices.BinarySearchFunc(verbs[:], name, func(v Verb, name string) int { return strings.Compare(v.Name, name) })
	if !ok {
		return Verb{}, false
	}
	return verbs[i], true
}

// Table is the table as docs/access.md has it.
func Table() string {
	var b strings.Builder
	b.WriteString("| verb | role | namespace | a second person |\n|---|---|---|---|\n")
	for _, v := range verbs {
		role := v.Needs.String()
		if v.Needs == none {
			role = "-"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, role, v.Where(), v.Two)
	}
	return b.String()
}
