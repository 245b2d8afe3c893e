package notify

import (
	"crypto/sha1" // #nosec G505 -- UUIDs of version 5 are made with SHA-1; nobody is kept out by one
	"fmt"
	"strconv"
	"strings"
	"time"

	"backstitch/fsm"
)

// Run events of OpenLineage 2-0-2. A job of ours is a run; a retry is the same run going on. What a proof compared is said twice: as
// subsets, so that a catalogue sees which partitions and positions a backfill touched, and as assertions about the target.
//
// Schemas, from the specification's repository: RunEvent 2-0-2; BaseSubsetDatasetFacet 1-0-0 (inputCondition and outputCondition, of
// type partition); DataQualityAssertionsDatasetFacet 1-1-0, an input facet, which is why the target of a comparison is among the
// inputs too: it was read; ErrorMessageRunFacet 1-0-0; TagsRunFacet 1-0-0, which says of a run
// that it is late; JobTypeJobFacet 2-0-4.
const (
	lineageEvent     = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
	lineageFacets    = "https://openlineage.io/spec/facets/"
	facetInputSubset = lineageFacets + "1-0-0/BaseSubsetDatasetFacet.json#/$defs/InputSubsetInputDatasetFacet"
	facetOutSubset   = lineageFacets + "1-0-0/BaseSubsetDatasetFacet.json#/$defs/OutputSubsetOutputDatasetFacet"
	facetAssertions  = lineageFacets + "1-1-0/DataQualityAssertionsDatasetFacet.json#/$defs/DataQualityAssertionsDatasetFacet"
	facetError       = lineageFacets + "1-0-0/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
	facetTags        = lineageFacets + "1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet"
	facetJobType     = lineageFacets + "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
)

type (
	lineage struct {
		EventType string           `json:"eventType"`
		EventTime time.Time        `json:"eventTime"`
		Run       lineageRun       `json:"run"`
		Job       lineageJob       `json:"job"`
		Inputs    []lineageDataset `json:"inputs"`
		Outputs   []lineageDataset `json:"outputs"`
		Producer  string           `json:"producer"`
		SchemaURL string           `json:"schemaURL"`
	}
	lineageRun struct {
		RunID  string         `json:"runId"`
		Facets map[string]any `json:"facets,omitempty"`
	}
	lineageJob struct {
		Namespace string         `json:"namespace"`
		Name      string         `json:"name"`
		Facets    map[string]any `json:"facets"`
	}
	lineageDataset struct {
		Namespace    string         `json:"namespace"`
		Name         string         `json:"name"`
		InputFacets  map[string]any `json:"inputFacets,omitempty"`
		OutputFacets map[string]any `json:"outputFacets,omitempty"`
	}
	facet struct {
		Producer  string `json:"_producer"`
		SchemaURL string `json:"_schemaURL"`
	}
	subsetFacet struct {
		facet
		Input  *subset `json:"inputCondition,omitempty"`
		Output *subset `json:"outputCondition,omitempty"`
	}
	subset struct {
		Type       string            `json:"type"`
		Partitions []subsetPartition `json:"partitions"`
	}
	subsetPartition struct {
		Identifier string            `json:"identifier"`
		Dimensions map[string]string `json:"dimensions"`
	}
	assertionsFacet struct {
		facet
		Assertions []assertion `json:"assertions"`
	}
	assertion struct {
		Assertion string `json:"assertion"`
		Success   bool   `json:"success"`
		Severity  string `json:"severity"`
		Expected  string `json:"expected"`
		Actual    string `json:"actual"`
	}
	errorFacet struct {
		facet
		Message             string `json:"message"`
		ProgrammingLanguage string `json:"programmingLanguage"`
	}
	tagsFacet struct {
		facet
		Tags []tag `json:"tags"`
	}
	tag struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Source string `json:"source"`
	}
	jobTypeFacet struct {
		facet
		ProcessingType string `json:"processingType"`
		Integration    string `json:"integration"`
		JobType        string `json:"jobType"`
	}
)

var lineageTypes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "START", fsm.NoticeSucceeded: "COMPLETE", fsm.NoticeFailed: "FAIL", fsm.NoticeCancelled: "ABORT",
	fsm.NoticeFound:  "COMPLETE",                         // the scan did what it should; its assertions say that they do not hold
	fsm.NoticeAtRisk: "OTHER", fsm.NoticeMissed: "OTHER", // the run goes on as before
}

func runEvent(e Event) lineage {
	producer := "urn:backstitch:program:" + e.Program
	of := func(schema string) facet { return facet{producer, schema} }
	what := "RECOVERY"
	if e.Scan != nil {
		what = "SCAN"
	}
	if e.Plan != nil {
		what = "PLAN"
	}
	out := lineage{
		EventType: lineageTypes[e.Kind], EventTime: e.Time, Producer: producer, SchemaURL: lineageEvent,
		Run: lineageRun{RunID: runID(e.Cluster, e.Job)},
		Job: lineageJob{Namespace: "backstitch:" + e.Cluster, Name: e.Namespace + "/" + e.JobName, Facets: map[string]any{
			"jobType": jobTypeFacet{of(facetJobType), "BATCH", "BACKSTITCH", what},
		}},
		Inputs: []lineageDataset{{Namespace: e.Reference.Namespace, Name: e.Reference.Name}},
	}
	if e.Kind == fsm.NoticeFailed {
		why := e.Why
		if why == "" {
			why = "the job failed"
		}
		out.Run.Facets = map[string]any{"errorMessage": errorFacet{of(facetError), why, "Go"}}
	}
	if e.Kind == fsm.NoticeAtRisk || e.Kind == fsm.NoticeMissed {
		tags := []tag{{"backstitch.sla", strings.TrimPrefix(e.Kind.String(), "sla-"), "BACKSTITCH"}}
		if x := e.Terms; x != nil {
			tags = append(tags, tag{"backstitch.deadline", time.Unix(0, x.DeadlineUnixNanos).UTC().Format(time.RFC3339), "BACKSTITCH"})
		}
		out.Run.Facets = map[string]any{"tags": tagsFacet{of(facetTags), tags}}
	}
	out.Outputs = []lineageDataset{}
	for _, t := range e.Targets {
		d := lineageDataset{Namespace: t.Namespace, Name: t.Name}
		if e.Scan != nil { // it reads both sides and writes nothing
			if ended := e.Kind == fsm.NoticeSucceeded || e.Kind == fsm.NoticeFound; ended && len(e.Targets) == 1 {
				d.InputFacets = map[string]any{"dataQualityAssertions": assertionsFacet{of(facetAssertions), scanned(e.Scan)}}
			}
			out.Inputs = append(out.Inputs, d)
			continue
		}
		if p := e.Proof; p != nil && len(p.Comparisons) > 0 && len(e.Targets) == 1 {
			compared := compared(p)
			out.Inputs[0].InputFacets = map[string]any{"subset": subsetFacet{facet: of(facetInputSubset), Input: compared}}
			out.Inputs = append(out.Inputs, lineageDataset{Namespace: t.Namespace, Name: t.Name, InputFacets: map[string]any{
				"dataQualityAssertions": assertionsFacet{of(facetAssertions), assertions(p)},
			}})
			d.OutputFacets = map[string]any{"subset": subsetFacet{facet: of(facetOutSubset), Output: compared}}
		}
		out.Outputs = append(out.Outputs, d)
	}
	return out
}

// compared names what a proof is about: partitions of the reference, each with its positions, half-open.
func compared(p *fsm.Proof) *subset {
	s := &subset{Type: "partition"}
	for _, c := range p.Comparisons {
		from, to := strconv.FormatInt(c.Range.From, 10), strconv.FormatInt(c.Range.To, 10)
		s.Partitions = append(s.Partitions, subsetPartition{
			Identifier: fmt.Sprintf("%d[%s,%s)", c.Partition, from, to),
			Dimensions: map[string]string{"partition": strconv.Itoa(int(c.Partition)), "fromOffset": from, "toOffset": to},
		})
	}
	return s
}

// assertions are what a proof asserts. A proof that could compare nothing asserts nothing that holds: its first one fails.
func assertions(p *fsm.Proof) []assertion {
	n := sums(p)
	return []assertion{
		{Assertion: "verified", Success: p.Verdict == fsm.Pass, Severity: "error", Expected: fsm.Pass.String(), Actual: p.Verdict.String()},
		none("no_missing_records", n.Missing),
		none("no_extra_records", n.Extra),
		none("no_introduced_duplicates", n.Introduced),
	}
}

// scanned are what a scan asserts of its target.
func scanned(c *fsm.ScanCounts) []assertion {
	return []assertion{
		none("no_missing_records", c.Missing),
		none("no_duplicate_records", c.Duplicates),
		none("no_extra_records", c.Extra),
		none("no_unknown_findings", c.Unknown),
	}
}

// none asserts that nothing was found.
func none(name string, found int64) assertion {
	return assertion{Assertion: name, Success: found == 0, Severity: "error", Expected: "0", Actual: strconv.FormatInt(found, 10)}
}

// runSpace is the name space of our run ids, a random UUID.
var runSpace = [16]byte{0x3f, 0x8c, 0x1d, 0x52, 0x6b, 0x0e, 0x4a, 0x97, 0x9d, 0x31, 0x5e, 0xc4, 0x70, 0x2a, 0xb8, 0x16}

// runID is a UUID of version 5 (RFC 9562) over cluster and job, so that each event of a run finds it without anybody remembering it.
func runID(cluster, job string) string {
	h := sha1.New() // #nosec G401 -- as RFC 9562 wants it
	h.Write(runSpace[:])
	fmt.Fprintf(h, "%s/%s", cluster, job)
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
