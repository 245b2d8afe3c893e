package bubble

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"backstitch/chaos/check"
)

// inbox is every endpoint of a cluster, by the host of its URL. It takes CloudEvents, and notes what it has before it answers: an answer may
// be lost, and what it was about is there all the same.
type inbox struct {
	mu     sync.Mutex
	random *rand.Rand
	hurt   bool   // answers are late, lost or no
	mute   string // the endpoint that never answers, "" for none
	got    []check.Telling
}

func newInbox(seed uint64) *inbox { return &inbox{random: rand.New(rand.NewPCG(seed, seed))} }

var errLost = errors.New("the connection broke off")

// RoundTrip is one message.
func (b *inbox) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	on, back, status, err := b.fate(req.URL.Host)
	if !pass(req, on) {
		return nil, req.Context().Err()
	}
	if status == http.StatusOK {
		if err := b.take(req, text); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if !pass(req, back) {
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

// fate draws how long a message is on its way, how long its answer is, and what that is. An error is an answer that is lost.
func (b *inbox) fate(host string) (on, back time.Duration, status int, lost error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case host == b.mute:
		return 0, 0, http.StatusServiceUnavailable, nil
	case !b.hurt:
		return 0, 0, http.StatusOK, nil
	}
	long := time.Duration(b.random.Int64N(int64(15 * time.Second))) // longer than a try at times
	switch b.random.IntN(6) {
	case 0:
		return 0, 0, http.StatusBadGateway, nil
	case 1:
		return long, 0, http.StatusOK, nil
	case 2:
		return 0, long, http.StatusOK, nil
	case 3:
		return 0, 0, http.StatusOK, errLost
	}
	return 0, 0, http.StatusOK, nil
}

func pass(req *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-req.Context().Done():
		return false
	}
}

// take reads a message as a receiver does, who knows the format and nothing of the program.
func (b *inbox) take(req *http.Request, text []byte) error {
	var event struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		Data struct {
			Index uint64 `json:"index"`
			Job   string `json:"job"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &event); err != nil || event.ID == "" || event.ID != req.Header.Get("Idempotency-Key") {
		return fmt.Errorf("no event under the id of its header: %s: %w", text, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, check.Telling{Endpoint: req.URL.Host, ID: event.ID, Notice: check.Notice{Index: event.Data.Index, Job: event.Data.Job, Kind: event.Type}})
	return nil
}

// set changes how it answers.
func (b *inbox) set(hurt bool, mute string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hurt, b.mute = hurt, mute
}

func (b *inbox) messages() []check.Telling {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}
