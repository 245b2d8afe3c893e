package anomaly

import (
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/replay/sentinel/baseline"
)

// stateFormat is raised when a State means something else.
const stateFormat = 1

// ErrState says that a state can not be gone on with: it is none, or of another topic or other fields.
var ErrState = errors.New("the state can not be gone on with")

// State is what looks at a topic have learned, as JSON. Its series are as baseline encodes them.
type State struct {
	Format int    `json:"format"`
	Topic  string `json:"topic"`
	ID     string `json:"topicID"`
	Source string `json:"source,omitempty"` // path to the sender
	LateMs int64  `json:"lateMs"`
	Zone   string `json:"zone,omitempty"` // whose clock the seasons go by, "" for UTC
	Last   int64  `json:"lastHour"`       // since 1970
	// Series are by name: what Place is called in a report.
	Series map[string][]byte `json:"series"`
	// Next is where each partition's hours after Last begin, of which nothing was counted; with Input.Once only.
	Next map[int32]int64 `json:"next,omitempty"`
	// Trails are by how much the newest hours of each place were off, oldest first; with Input.Once only.
	Trails  map[string][]Off `json:"trails,omitempty"`
	Sources []byte           `json:"sources,omitempty"`
}

// ParseState reads one.
func ParseState(b []byte) (*State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if s.Format != stateFormat {
		return nil, fmt.Errorf("%w: format %d, this program knows %d", ErrState, s.Format, stateFormat)
	}
	return &s, nil
}

// fits says why the state is not one of what is asked, nil when it is.
func (s *State) fits(in *Input, id string) error {
	switch {
	case s.Topic != in.Topic:
		return fmt.Errorf("%w: it is of topic %s", ErrState, s.Topic)
	case s.ID != id:
		return fmt.Errorf("%w: topic %s was deleted and created again since", ErrState, s.Topic)
	case s.Source != in.source():
		return fmt.Errorf("%w: its senders are at %q", ErrState, s.Source)
	case s.LateMs != in.Late.Milliseconds():
		return fmt.Errorf("%w: its records are late by %d ms", ErrState, s.LateMs)
	case s.Zone != in.zone():
		return fmt.Errorf("%w: its seasons go by the clock of %q", ErrState, s.Zone)
	}
	return nil
}

func (in *Input) source() string {
	if in.Source == nil {
		return ""
	}
	return in.Source.String()
}

func (in *Input) zone() string {
	if in.Zone == nil {
		return ""
	}
	return in.Zone.String()
}

// series is that of a place, or one that has seen nothing.
func (s *State) series(name string, k baseline.Kind) (*baseline.Series, error) {
	out := baseline.New(k)
	if s == nil || s.Series[name] == nil {
		return out, nil
	}
	if err := out.UnmarshalBinary(s.Series[name]); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrState, name, err)
	}
	return out, nil
}

func (s *State) sources() (*baseline.Sources, error) {
	out := baseline.NewSources()
	if s == nil || len(s.Sources) == 0 {
		return out, nil
	}
	if err := out.UnmarshalBinary(s.Sources); err != nil {
		return nil, fmt.Errorf("%w: senders: %w", ErrState, err)
	}
	return out, nil
}

// Bytes are what ParseState reads.
func (s *State) Bytes() ([]byte, error) { return json.Marshal(s) }
