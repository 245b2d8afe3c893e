package spec

import (
	"slices"
	"time"
)

// The comments of these types are read by people, as those in recovery.go are.

// KindFlow is the value that kind has for a flow.
const KindFlow = "Flow"

// Flow is a graph of steps: recoveries, and what is to be told or asked between them. The cluster keeps it and does it, whoever leads.
type Flow struct {
	// Version of this format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=backstitch.dev/v1"`
	// What the file describes.
	Kind string `json:"kind" jsonschema:"enum=Flow"`
	// What the flow is called.
	Metadata FlowMetadata `json:"metadata"`
	// Its steps.
	Spec FlowSpec `json:"spec"`
}

// FlowMetadata names the flow.
type FlowMetadata struct {
	// Name of the flow: lower-case letters, digits and dashes.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// Namespace of the flow and of the jobs that it starts.
	Namespace string `json:"namespace,omitempty" jsonschema:"maxLength=63,pattern=^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$,default=default"`
	// Annotations are kept with the flow: a ticket, a runbook.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// FlowSpec is the steps, and how often they are tried.
type FlowSpec struct {
	// How steps are tried again that say nothing else.
	Retry *FlowRetry `json:"retry,omitempty"`
	// What is done. The order of the list means nothing; needs does.
	Steps []FlowStep `json:"steps" jsonschema:"minItems=1,maxItems=100"`
	// When the cluster begins a run of the flow. Left out, it runs once, when it is handed in.
	Schedule *FlowSchedule `json:"schedule,omitempty"`
	// What a plan of a run of the schedule may write without a person. What is larger waits for one. Needed with a schedule where a step has uses, and with it only.
	Limits *PolicyLimits `json:"limits,omitempty"`
	// Who hears of what happens to the flow.
	Notify []FlowNotify `json:"notify,omitempty" jsonschema:"maxItems=8"`
}

// FlowSchedule says when a run begins: every so often, or by a cron line. One run goes at a time: a time that comes while one goes is skipped. Times that nobody could begin a run at, however many, make one run.
type FlowSchedule struct {
	// Time between two runs, at least 1m, such as 6h.
	Every Duration `json:"every,omitempty"`
	// Minute, hour, day of month, month and day of week, by the clocks of timezone, such as "0 3 * * *". Instead of every.
	Cron string `json:"cron,omitempty" jsonschema:"maxLength=128"`
	// Time zone of the cron line, an IANA name such as Europe/Berlin. Left out, it is UTC.
	Timezone string `json:"timezone,omitempty" jsonschema:"minLength=1,maxLength=64"`
}

// FlowNotify is one endpoint that hears of what happens to the flow, told as those of a dataset are. Of the flow's jobs those hear whose datasets they are about.
type FlowNotify struct {
	// Name of the endpoint, unique in the flow.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// Format of what is sent. alertmanager raises and resolves alerts at an Alertmanager, alertmanager-webhook is what an Alertmanager itself sends to a webhook, cloudevents is CloudEvents 1.0 in structured mode, openlineage is run events of OpenLineage.
	Format string `json:"format" jsonschema:"enum=alertmanager,enum=alertmanager-webhook,enum=cloudevents,enum=openlineage"`
	// URL to post to. Of an alertmanager it is the base, such as http://alertmanager:9093; of the others it is the whole address. Redirects are not followed.
	URL string `json:"url" jsonschema:"maxLength=2048,pattern=^https?://"`
	// Where the agents find a bearer token: env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in their notify.secretDir.
	Token string `json:"token,omitempty" jsonschema:"pattern=^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$"`
	// What is told. Left out, it is everything that the format has words for: alerts are raised by waiting, failed, rolled-back and rollback-failed, and resolved by answered, succeeded and cancelled.
	On []string `json:"on,omitempty" jsonschema:"enum=started,enum=waiting,enum=answered,enum=succeeded,enum=failed,enum=cancelled,enum=rolled-back,enum=rollback-failed"`
}

// FlowNotifyOn are the values that the list on of a flow's endpoint may have for a format.
func FlowNotifyOn(format string) []string {
	all := []string{"started", "waiting", "answered", "succeeded", "failed", "cancelled", "rolled-back", "rollback-failed"}
	if format == "alertmanager" || format == "alertmanager-webhook" {
		return all[1:]
	}
	return all
}

// FlowStep is one step. It does exactly one of uses, http, databricks, airflow, waitForConsumers, exec, manual and verify.
type FlowStep struct {
	// Name of the step, unique in the flow.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// Steps that have to end well before this one begins. One with critical: false ends well for those that need it even when it failed.
	Needs []string `json:"needs,omitempty" jsonschema:"maxItems=100"`
	// What has to be proved before this step begins.
	Gate *FlowGate `json:"gate,omitempty"`
	// What takes back what this step has done, once a step that needs it, directly or through others, has failed. It also takes back the job of this very step when that failed.
	Undo *FlowUndo `json:"undo,omitempty"`
	// Whether the flow fails with this step. A flow that ends without one that is not critical has exit status 3.
	Critical *bool `json:"critical,omitempty" jsonschema:"default=true"`
	// How long one attempt may take. Left out, it is a minute for http, an hour for waitForConsumers, ten minutes for exec, and no bound for the others.
	Timeout Duration `json:"timeout,omitempty"`
	// How this step is tried again. What is left out is as spec.retry says.
	Retry *FlowRetry `json:"retry,omitempty"`
	// A recovery: the plan is made when the step begins, by the leader, and run as a job. A plan with warnings waits for a yes.
	Uses *FlowUses `json:"uses,omitempty"`
	// One HTTP request of the leader, with an Idempotency-Key that is the same for every repetition of an attempt.
	HTTP *FlowHTTP `json:"http,omitempty"`
	// A run of a job of Databricks, started once under the attempt's token as its idempotency_token, and waited for.
	Databricks *FlowDatabricks `json:"databricks,omitempty"`
	// A run of a DAG of Airflow, started once under an id that is made of the attempt's token, and waited for.
	Airflow *FlowAirflow `json:"airflow,omitempty"`
	// Waits until consumer groups have read a topic. It only looks, and changes nothing.
	WaitForConsumers *FlowConsumers `json:"waitForConsumers,omitempty"`
	// Runs a program on an agent whose configuration allows it by name, once for an attempt.
	Exec *FlowExec `json:"exec,omitempty"`
	// A question to a person: backstitch flow approve or reject.
	Manual *FlowManual `json:"manual,omitempty"`
	// Fails unless the job of a step has a passing proof.
	Verify *FlowVerify `json:"verify,omitempty"`
}

// FlowGate is a condition.
type FlowGate struct {
	// A step with uses, one of needs, whose job must have a passing proof. A recovery that compared nothing has none.
	Verified string `json:"verified"`
}

// FlowUndo says how a step is taken back: by exactly one of its fields.
type FlowUndo struct {
	// Only of a step with uses: what its job has published and written is taken back as backstitch rollback does it, by a step that is called undo-NAME.
	Rollback bool `json:"rollback,omitempty"`
	// Name of another step, without needs and gate, which does nothing but that.
	Step string `json:"step,omitempty" jsonschema:"maxLength=63"`
}

// FlowRetry says how often a step is tried, and after which failures.
type FlowRetry struct {
	// Attempts in all, the first included.
	Attempts int `json:"attempts,omitempty" jsonschema:"minimum=1,maximum=100,default=5"`
	// exponential doubles the pause each time, fixed keeps it.
	Backoff string `json:"backoff,omitempty" jsonschema:"enum=exponential,enum=fixed,default=exponential"`
	// Pause before the second attempt.
	Initial Duration `json:"initial,omitempty"`
	// Longest pause.
	Max Duration `json:"max,omitempty"`
	// After which failures there is another attempt. transient: nobody answered, or 408, 409, 425 and 5xx. throttled: 429 and 503. timeout: the attempt took too long. failed: the job failed, and is taken up again; the run failed, and another one is started.
	RetryOn []string `json:"retryOn,omitempty" jsonschema:"enum=transient,enum=throttled,enum=timeout,enum=failed"`
}

// FlowUses names a recovery.
type FlowUses struct {
	// File with a spec of kind Recovery, beside this one. It is submitted along, so agents need its connections and no files.
	File string `json:"file" jsonschema:"minLength=1,maxLength=1024"`
}

// FlowHTTP is one request. Redirects are not followed; 2xx is success.
type FlowHTTP struct {
	// Method of the request.
	Method string `json:"method,omitempty" jsonschema:"enum=GET,enum=POST,enum=PUT,enum=PATCH,enum=DELETE,default=POST"`
	// URL to call. Agents never call metadata services of clouds, whatever a name resolves to.
	URL string `json:"url" jsonschema:"maxLength=2048,pattern=^https?://"`
	// Headers beside Idempotency-Key.
	Headers []FlowHeader `json:"headers,omitempty" jsonschema:"maxItems=32"`
	// Body of the request.
	Body string `json:"body,omitempty" jsonschema:"maxLength=65536"`
	// Whether the other end does what it is asked twice under one Idempotency-Key only once. With false, a call that may have been made when the leader died is not made again, and the step fails.
	Idempotent *bool `json:"idempotent,omitempty" jsonschema:"default=true"`
}

// FlowHeader is one header.
type FlowHeader struct {
	// Name of the header.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=128,pattern=^[A-Za-z0-9_-]+$"`
	// Its value, which is no secret.
	Value string `json:"value,omitempty" jsonschema:"maxLength=4096"`
	// Where the agents find a secret value: env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in their notify.secretDir. It is sent as it is, over https only.
	SecretRef string `json:"secretRef,omitempty" jsonschema:"pattern=^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$"`
}

// FlowDatabricks is a job of a workspace: jobs/run-now of version 2.1 of its API.
type FlowDatabricks struct {
	// URL of the workspace, such as https://acme.cloud.databricks.com.
	URL string `json:"url" jsonschema:"maxLength=2048,pattern=^https?://"`
	// Where the agents find the whole Authorization header, such as "Bearer dapi...": env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in their notify.secretDir.
	Authorization string `json:"authorization" jsonschema:"pattern=^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$"`
	// Number of the job.
	JobID int64 `json:"jobId" jsonschema:"minimum=1"`
	// Its job_parameters.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// FlowAirflow is a DAG: dagRuns of version 1 of Airflow's API.
type FlowAirflow struct {
	// URL in front of /api/v1.
	URL string `json:"url" jsonschema:"maxLength=2048,pattern=^https?://"`
	// Where the agents find the whole Authorization header, such as "Basic ...": env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in their notify.secretDir.
	Authorization string `json:"authorization" jsonschema:"pattern=^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$"`
	// Id of the DAG.
	DAG string `json:"dag" jsonschema:"minLength=1,maxLength=250"`
	// Its conf.
	Conf map[string]string `json:"conf,omitempty"`
}

// FlowConsumers is what consumer groups are waited for.
type FlowConsumers struct {
	// Name of a Kafka connection in the configuration of the agents.
	Kafka string `json:"kafka" jsonschema:"minLength=1,maxLength=128"`
	// Topic that the groups read.
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=249"`
	// Consumer groups, all of which have to be there.
	Groups []string `json:"groups" jsonschema:"minItems=1,maxItems=50"`
	// begun: the offsets at which the topic ended when the step began, so that what is written later is not waited for. end: the end of the topic as it is whenever it is looked.
	Until string `json:"until,omitempty" jsonschema:"enum=begun,enum=end,default=begun"`
	// How many offsets, of all partitions together, a group may still have before it.
	MaxLag int64 `json:"maxLag,omitempty" jsonschema:"minimum=0,default=0"`
}

// FlowExec is a program on an agent. There is no shell, and no path: the agent's configuration has it.
type FlowExec struct {
	// Name of the node that runs it.
	Node string `json:"node" jsonschema:"minLength=1,maxLength=128"`
	// Name of the program under exec.allow in the configuration of that node.
	Program string `json:"program" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9][a-z0-9-]*$"`
	// Arguments, each passed as it is.
	Args []string `json:"args,omitempty" jsonschema:"maxItems=64"`
}

// FlowManual is a question.
type FlowManual struct {
	// What a person is asked.
	Prompt string `json:"prompt" jsonschema:"minLength=1,maxLength=1024"`
}

// FlowVerify names what has to be proved.
type FlowVerify struct {
	// A step with uses, one of needs.
	Step string `json:"step"`
}

// Defaults of flows.
const (
	DefaultFlowAttempts = 5
	DefaultFlowInitial  = Duration("1s")
	DefaultFlowMax      = Duration("5m")
	DefaultFlowTimeout  = Duration("1m")  // of http
	DefaultFlowWait     = Duration("1h")  // of waitForConsumers
	DefaultFlowExec     = Duration("10m") // of exec
	DefaultFlowBack     = time.Hour       // of undo.rollback
)

// UndoName is the name of the step that rolls back the job of another one.
func UndoName(step string) string { return "undo-" + step }

var defaultRetryOn = []string{"transient", "throttled"}

// WithDefaults returns a copy of f in which everything that was left out is written out.
func (f *Flow) WithDefaults() *Flow {
	out := *f
	orText(&out.Metadata.Namespace, DefaultNamespace)
	whole := f.Spec.Retry.over(nil)
	out.Spec.Retry = whole
	out.Spec.Steps = make([]FlowStep, len(f.Spec.Steps))
	for i, s := range f.Spec.Steps {
		yes := true
		if s.Critical == nil {
			s.Critical = &yes
		}
		if s.HTTP != nil {
			h := *s.HTTP
			orText(&h.Method, "POST")
			if h.Idempotent == nil {
				h.Idempotent = &yes
			}
			if s.HTTP = &h; s.Timeout == "" {
				s.Timeout = DefaultFlowTimeout
			}
		}
		if s.WaitForConsumers != nil {
			w := *s.WaitForConsumers
			orText(&w.Until, "begun")
			if s.WaitForConsumers = &w; s.Timeout == "" {
				s.Timeout = DefaultFlowWait
			}
		}
		if s.Exec != nil && s.Timeout == "" {
			s.Timeout = DefaultFlowExec
		}
		s.Retry = s.Retry.over(whole)
		out.Spec.Steps[i] = s
	}
	out.Spec.Notify = slices.Clone(f.Spec.Notify)
	for i, n := range out.Spec.Notify {
		if len(n.On) == 0 {
			out.Spec.Notify[i].On = FlowNotifyOn(n.Format)
		}
	}
	return &out
}

// over returns r with what it leaves out as below says, or the defaults.
func (r *FlowRetry) over(below *FlowRetry) *FlowRetry {
	if below == nil {
		below = &FlowRetry{Attempts: DefaultFlowAttempts, Backoff: "exponential", Initial: DefaultFlowInitial, Max: DefaultFlowMax, RetryOn: defaultRetryOn}
	}
	if r == nil {
		copied := *below
		return &copied
	}
	out := *r
	if out.Attempts == 0 {
		out.Attempts = below.Attempts
	}
	orText(&out.Backoff, below.Backoff)
	if out.Initial == "" {
		out.Initial = below.Initial
	}
	if out.Max == "" {
		out.Max = below.Max
	}
	if out.RetryOn == nil {
		out.RetryOn = below.RetryOn
	}
	return &out
}

// bounds returns the pauses of r, which has its defaults.
func (r *FlowRetry) bounds() (initial, most time.Duration, err error) {
	if initial, err = r.Initial.Parse(); err != nil {
		return 0, 0, err
	}
	most, err = r.Max.Parse()
	return initial, most, err
}
