package fsm

import (
	"cmp"
	"fmt"
	"time"
)

// How long a wish waits for a yes, and how long the yes is good for.
const (
	ConsentWaits = 24 * time.Hour
	ConsentHolds = time.Hour
)

// PutConsent asks for a second person's yes to one request, or says it.
//
// Since: 8. Proposed by: the API. Refused: UnknownConsent (to say yes to what nobody asks, or asks no more), NotAllowed (whoever asks says yes, also
// through what is known to be his: samePerson), Invalid. Asking again while it waits, or holds, and saying yes again are OK and change nothing.
type PutConsent struct {
	ID        string
	Say       bool
	Verb      string // the rest only to ask
	Object    string
	Namespace string
}

// Op returns 46.
func (PutConsent) Op() uint16 { return 46 }

func (c PutConsent) subject() string { return "consent " + c.ID }

func (c PutConsent) apply(t *tx) Result {
	if why := c.invalid(); why != "" {
		return t.refuse(Invalid, why)
	}
	var now Consent
	known := t.read(consentKey(c.ID), &now) && now.ExpiresUnixNanos > t.env.UnixNanos
	switch {
	case !c.Say && known:
		return t.ok()
	case !c.Say:
		t.roomForConsent()
		t.write(consentKey(c.ID), &Consent{
			ID: c.ID, Verb: c.Verb, Object: c.Object, Namespace: c.Namespace, Why: t.env.Reason, AskedBy: t.env.Actor, AskedUnixNanos: t.env.UnixNanos,
			ExpiresUnixNanos: t.env.UnixNanos + int64(ConsentWaits), ModifyIndex: t.index,
		})
		return t.ok()
	case !known:
		return t.refuse(UnknownConsent, c.ID)
	case now.SaidBy != "":
		return t.ok()
	case samePerson(t.env.Actor, now.AskedBy, t.read):
		return t.refuse(NotAllowed, fmt.Sprintf("%s was asked for by %s", c.subject(), now.AskedBy))
	}
	now.SaidBy, now.SaidUnixNanos, now.ExpiresUnixNanos, now.ModifyIndex = t.env.Actor, t.env.UnixNanos, t.env.UnixNanos+int64(ConsentHolds), t.index
	t.write(consentKey(c.ID), &now)
	return t.ok()
}

func (c PutConsent) invalid() string {
	if why := named("consent", c.ID); why != "" || c.Say {
		return why
	}
	if len(c.Object) > maxLockBytes {
		return fmt.Sprintf("%s: an object of %d bytes", c.subject(), len(c.Object))
	}
	return cmp.Or(named("verb", c.Verb), named("namespace", c.Namespace))
}

// roomForConsent forgets the consent that was asked for first when there are too many.
func (t *tx) roomForConsent() {
	keys := t.keys(key(kindConsent))
	if len(keys) < MaxConsents {
		return
	}
	var oldest Consent
	for _, at := range keys {
		var c Consent
		if t.read(at, &c); oldest.ID == "" || c.AskedUnixNanos < oldest.AskedUnixNanos {
			oldest = c
		}
	}
	t.remove(consentKey(oldest.ID))
}
