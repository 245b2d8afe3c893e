package baseline

// Tuning is how hours are judged. It is no part of a state, so it is given to each that was read. The zero value is UTC and as much evidence as the
// figures of docs/anomalies.md are measured with.
type Tuning struct {
	// Local says which hour it is where the seasons are, of an hour in UTC, both since 1970; nil for UTC. Hours that a clock shows twice in autumn are
	// two that have the same season.
	Local func(hour int64) int64
	// Evidence is a factor of the evidence that makes an alarm: below 1 alarms come sooner and are more often false. 0 is 1.
	Evidence float64
	// Sources is how many senders are kept, 0 for MaxSources.
	Sources int
}

// Factors of Tuning.Evidence for words that people use.
const (
	EvidenceLow    = 1.5 // sensitivity low
	EvidenceNormal = 1.0
	EvidenceHigh   = 0.7
)

func (t *Tuning) local(hour int64) int64 {
	if t.Local == nil {
		return hour
	}
	return t.Local(hour)
}

func (t *Tuning) evidence() float64 {
	if t.Evidence == 0 {
		return EvidenceNormal
	}
	return t.Evidence
}

func (t *Tuning) sources() int {
	if t.Sources == 0 {
		return MaxSources
	}
	return min(t.Sources, MaxSources)
}

// Tune says how the hours from now on are judged.
func (s *Series) Tune(t Tuning) { s.tuning = t }

// Tune says how the hours from now on are judged.
func (s *Sources) Tune(t Tuning) { s.tuning = t }
