package wire

import (
	"fmt"
	"log/slog"
)

// Messages about the keys of gossip. They are of cluster version 8: nobody sends them before every node knows them. Keys travel in them, so nodes
// send and take them over TLS only.

const (
	TypeKeyring    Type = 32
	TypePutKeyring Type = 33

	TypeKeyringReply Type = 0xa0
)

// Secret is bytes that are not to be seen. It prints as its length.
type Secret []byte

// Format prints the length whatever the verb.
func (s Secret) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "(%d secret bytes)", len(s)) }

// LogValue logs the length.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// Keyring asks a node for its ring. With Keys it wants the keys themselves, which only members get; without, fingerprints.
type Keyring struct {
	From Who
	Keys bool
}

// PutKeyring gives a node a ring, which was made from one of revision Base. See member.Ring.
type PutKeyring struct {
	From     Who
	Base     uint64
	Revision uint64
	Keys     []Secret // the first one encrypts
}

// KeyringReply answers both. A node without encryption has no fingerprints.
type KeyringReply struct {
	Revision     uint64
	Fingerprints []string // the first one encrypts
	Keys         []Secret // in the same order, if they were wanted
}

func (m *Keyring) Type() Type      { return TypeKeyring }
func (m *PutKeyring) Type() Type   { return TypePutKeyring }
func (m *KeyringReply) Type() Type { return TypeKeyringReply }

func (w *writer) secrets(all []Secret) {
	w.u32(uint32(len(all)))
	for _, s := range all {
		w.blob(s)
	}
}

func (r *reader) secrets() (out []Secret) {
	for range r.count(4) {
		out = append(out, Secret(r.blob()))
	}
	return out
}

func (m *Keyring) encode(w *writer) { m.From.encode(w); w.flag(m.Keys) }
func (m *Keyring) decode(r *reader) { m.From.decode(r); m.Keys = r.flag() }

func (m *PutKeyring) encode(w *writer) {
	m.From.encode(w)
	w.u64(m.Base)
	w.u64(m.Revision)
	w.secrets(m.Keys)
}

func (m *PutKeyring) decode(r *reader) {
	m.From.decode(r)
	m.Base, m.Revision, m.Keys = r.u64(), r.u64(), r.secrets()
}

func (m *KeyringReply) encode(w *writer) {
	w.u64(m.Revision)
	w.u32(uint32(len(m.Fingerprints)))
	for _, f := range m.Fingerprints {
		w.text(f)
	}
	w.secrets(m.Keys)
}

func (m *KeyringReply) decode(r *reader) {
	m.Revision = r.u64()
	for range r.count(4) {
		m.Fingerprints = append(m.Fingerprints, r.text())
	}
	m.Keys = r.secrets()
}
