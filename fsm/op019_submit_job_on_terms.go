package fsm

// SubmitJobOnTerms is SubmitJob for a job that has terms, so that there is no moment in which it has none.
//
// Since: 7. Proposed by: the API. Refused: as SubmitJob, and Invalid (terms of another job, or that can not be meant). The same plan again is OK
// and changes nothing: the terms stay those of the first time, since a clock that runs is not set back.
type SubmitJobOnTerms struct {
	Submit SubmitJob
	Terms  Terms
}

// Op returns 19.
func (SubmitJobOnTerms) Op() uint16 { return 19 }

func (c SubmitJobOnTerms) subject() string { return c.Submit.subject() }

func (c SubmitJobOnTerms) apply(t *tx) Result {
	if c.Terms.Job != c.Submit.ID {
		return t.refuse(Invalid, c.subject()+": terms of job "+string(c.Terms.Job))
	}
	if why := c.Terms.invalid(); why != "" {
		return t.refuse(Invalid, c.subject()+": "+why)
	}
	_, known := t.job(c.Submit.ID)
	r := c.Submit.apply(t)
	if r.Code == OK && !known {
		t.write(jobKey(kindTerms, c.Terms.Job), &c.Terms)
	}
	return r
}
