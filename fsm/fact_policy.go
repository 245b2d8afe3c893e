package fsm

import "fmt"

// PolicyAct is what the cluster does by itself about what a scan of a dataset has found. The numbers are stored; never reuse one.
type PolicyAct uint8

const (
	// PolicyNotify tells and changes nothing. It is what a dataset has that has no Policy.
	PolicyNotify PolicyAct = 0
	// PolicyPlanAndWait makes a plan of what is missing and waits for a person.
	PolicyPlanAndWait PolicyAct = 1
	// PolicyRun makes a plan and runs it, if nothing stands against it.
	PolicyRun PolicyAct = 2
)

var policyNames = map[PolicyAct]string{PolicyNotify: "notify", PolicyPlanAndWait: "planAndWait", PolicyRun: "run"}

// String returns the word that specs and the API use.
func (a PolicyAct) String() string {
	if s := policyNames[a]; s != "" {
		return s
	}
	return fmt.Sprintf("policy %d", uint8(a))
}

// ParsePolicyAct is the other way round; ok is false for a word that is none.
func ParsePolicyAct(word string) (a PolicyAct, ok bool) {
	for a, s := range policyNames {
		if s == word {
			return a, true
		}
	}
	return 0, false
}

// Policy is what a dataset wants to happen when a scan has found records missing.
type Policy struct {
	Dataset DatasetName
	Act     PolicyAct
	// MaxRecords and MaxBytes bound one plan that runs without a person; of PolicyRun only, which states both.
	MaxRecords int64
	MaxBytes   int64
}

// invalid says what contradicts itself. What would run without limits is refused.
func (p Policy) invalid() string {
	limits := p.MaxRecords != 0 || p.MaxBytes != 0
	switch {
	case policyNames[p.Act] == "":
		return p.Act.String() + ", which there is not"
	case p.Act != PolicyRun && limits:
		return fmt.Sprintf("policy %s runs nothing by itself and has limits", p.Act)
	case p.Act == PolicyRun && (p.MaxRecords <= 0 || p.MaxBytes <= 0):
		return "policy run without a limit of records and one of bytes"
	}
	return ""
}

// exceeds says which limit a plan is above, "" when it is within all.
func (p Policy) exceeds(m *MadePlan) string {
	switch {
	case m.Records > p.MaxRecords:
		return fmt.Sprintf("%d records are more than limits.maxRecords, %d", m.Records, p.MaxRecords)
	case m.Bytes > p.MaxBytes:
		return fmt.Sprintf("%d bytes are more than limits.maxBytes, %d", m.Bytes, p.MaxBytes)
	}
	return ""
}

func policyKey(n DatasetName) []byte { return key(kindPolicy, []byte(n)) }

// policy returns that of a dataset; one that has none is told and changes nothing.
func (t *tx) policy(n DatasetName) Policy {
	p := Policy{Dataset: n}
	t.read(policyKey(n), &p)
	return p
}

// putPolicy writes a policy that is valid.
func (t *tx) putPolicy(p Policy) {
	if p.Act == PolicyNotify {
		t.remove(policyKey(p.Dataset))
		return
	}
	t.write(policyKey(p.Dataset), &p)
}

// Policy returns that of a dataset.
func (v *View) Policy(n DatasetName) (Policy, error) {
	p := Policy{Dataset: n}
	_, err := v.read(policyKey(n), &p)
	return p, err
}
