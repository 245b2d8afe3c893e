// Package notify tells others what happens to datasets and flows: it turns the notices of the book's outbox into what Alertmanager, CloudEvents
// and OpenLineage receivers understand, and delivers them.
//
// Invariants:
//   - Only the leader sends. What is to be sent, and how far each endpoint has been told, are facts of the book, so another leader
//     goes on where this one stopped.
//   - At least once: a notice is settled after its receiver has answered with 2xx. A leader that dies in between sends again under the
//     same id, which depends on cluster, dataset or flow, and log index alone.
//   - An endpoint is told in order, and by itself. One that does not answer holds up neither another one nor anything else; after
//     Config.GiveUp its oldest notice is given up, and the book counts that.
//   - Encoding is a function of the Event: no clock, no randomness.
//   - A receiver is a stranger. Redirects are not followed, addresses of metadata services are not dialled, whatever a name resolves to,
//     answers are read up to a limit, and tokens come from a narrow set of places and travel over https.
//
// What is not here: what is noticed (fsm.PutDataset, fsm.FlowOutbox, fsm.SettleNotices), how datasets and flows are written (replay/spec).
//
// Reading order: event.go, encode.go, alerts.go, cloudevents.go, openlineage.go, flow.go, guard.go, secret.go, sender.go, loop.go.
package notify
