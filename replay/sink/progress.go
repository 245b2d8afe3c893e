package sink

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"backstitch/partition"
)

// Progress is how far a slice has come in the target: the fields of fsm.Checkpoint that a sink keeps, and what a new owner
// could not find out again.
type Progress struct {
	Cursor      partition.Offset // next position that is not durable
	Records     int64
	Bytes       int64
	Suppressed  int64
	Quarantined int64
	Digest      [16]byte // record.Sum of the places of what was written
	// Poison lists the positions of this slice that were quarantined, in order.
	Poison []Poison
	// Consumed are the offsets in the target, at or above Scanned, of records that others wrote and for which a record of this
	// lane was suppressed. Each stands for one record only, also after a change of owner.
	Consumed partition.Ranges
	// Scanned is the target offset below which nothing that others wrote can suppress a record any more.
	Scanned int64
}

// Poison is a run of positions that could not be written, and why.
type Poison struct {
	Range partition.Range
	Code  string // "BST-Q" and three digits
	Rule  int    // of the recipe, from 1, that the records broke; 0 for what is no rule
}

// Stamp is what a sink keeps in the target: whose progress, and which. There is one per lane.
type Stamp struct {
	Slice    uint32 // number of the slice in its job
	Epoch    partition.Epoch
	Progress Progress
}

// MaxStampBytes bounds the text of a stamp. Kafka brokers take 4096 bytes by default (offset.metadata.max.bytes).
const MaxStampBytes = 4000

// The text form, version 1: fields that are separated by one blank. It is strict: one progress has one text.
//
//	bs1 SLICE EPOCH CURSOR RECORDS BYTES SUPPRESSED QUARANTINED DIGEST SCANNED POISON CONSUMED
//
// Numbers are decimal, DIGEST is 32 hexadecimal digits, SCANNED a target offset. POISON and CONSUMED are "-" when empty, or
// unpadded base64url of unsigned varints: per run its distance from the end of the run before it, its length, and for POISON
// the three digits of the code as a number, to which a rule adds a thousand times its own.
const stampTag = "bs1"

// String returns the text form.
func (s Stamp) String() string {
	p := &s.Progress
	b := make([]byte, 0, 192)
	b = append(b, stampTag...)
	b = strconv.AppendUint(append(b, ' '), uint64(s.Slice), 10)
	b = strconv.AppendUint(append(b, ' '), uint64(s.Epoch), 10)
	for _, n := range [...]int64{p.Cursor, p.Records, p.Bytes, p.Suppressed, p.Quarantined} {
		b = strconv.AppendInt(append(b, ' '), n, 10)
	}
	b = hex.AppendEncode(append(b, ' '), p.Digest[:])
	b = strconv.AppendInt(append(b, ' '), p.Scanned, 10)
	b = appendRuns(append(b, ' '), len(p.Poison), func(i int) (partition.Range, string, int) {
		return p.Poison[i].Range, p.Poison[i].Code, p.Poison[i].Rule
	})
	b = appendRuns(append(b, ' '), len(p.Consumed), func(i int) (partition.Range, string, int) { return p.Consumed[i], "", 0 })
	return string(b)
}

// Encode returns the text form, or ErrProgress when it is longer than MaxStampBytes.
func (s Stamp) Encode() (string, error) {
	text := s.String()
	if len(text) > MaxStampBytes {
		return "", fmt.Errorf("%d runs of quarantined records and %d runs of suppressed ones take %d bytes, %d are allowed; make a new plan: %w",
			len(s.Progress.Poison), len(s.Progress.Consumed), len(text), MaxStampBytes, ErrProgress)
	}
	return text, nil
}

const codePrefix = "BST-Q"

// perRule is what a rule's number is multiplied with beside a code, and maxRules how many there are.
const (
	perRule  = 1000
	maxRules = 64
)

func appendRuns(b []byte, n int, run func(int) (partition.Range, string, int)) []byte {
	if n == 0 {
		return append(b, '-')
	}
	var raw []byte
	var last partition.Offset
	for i := range n {
		r, code, rule := run(i)
		raw = binary.AppendUvarint(raw, uint64(r.From-last))
		raw = binary.AppendUvarint(raw, uint64(r.Len()))
		if code != "" {
			num, _ := strconv.ParseUint(strings.TrimPrefix(code, codePrefix), 10, 16) // codes are constants of this program
			raw = binary.AppendUvarint(raw, num+uint64(rule)*perRule)
		}
		last = r.To
	}
	return base64.RawURLEncoding.AppendEncode(b, raw)
}

// ParseStamp reads what String prints. It gives ErrProgress for everything else.
func ParseStamp(text string) (Stamp, error) {
	var s Stamp
	bad := func(what string) (Stamp, error) {
		return Stamp{}, fmt.Errorf("progress %.80q: %s: %w", text, what, ErrProgress)
	}
	f := strings.Split(text, " ")
	if f[0] != stampTag {
		return bad("want " + stampTag + "; another program or version wrote it")
	}
	if len(f) != 12 {
		return bad("want 12 fields")
	}
	slice, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		return bad("slice number")
	}
	epoch, err := strconv.ParseUint(f[2], 10, 64)
	if err != nil {
		return bad("epoch")
	}
	s.Slice, s.Epoch = uint32(slice), partition.Epoch(epoch)
	p := &s.Progress
	for i, to := range [...]*int64{&p.Cursor, &p.Records, &p.Bytes, &p.Suppressed, &p.Quarantined} {
		if *to, err = strconv.ParseInt(f[3+i], 10, 64); err != nil || (i > 0 && *to < 0) {
			return bad("number " + f[3+i])
		}
	}
	digest, err := hex.DecodeString(f[8])
	if err != nil || len(digest) != len(p.Digest) {
		return bad("digest")
	}
	p.Digest = [16]byte(digest)
	if p.Scanned, err = strconv.ParseInt(f[9], 10, 64); err != nil {
		return bad("scanned offset")
	}
	err = parseRuns(f[10], true, func(r partition.Range, code string, rule int) {
		p.Poison = append(p.Poison, Poison{Range: r, Code: code, Rule: rule})
	})
	if err != nil {
		return bad("quarantined runs: " + err.Error())
	}
	err = parseRuns(f[11], false, func(r partition.Range, _ string, _ int) { p.Consumed = append(p.Consumed, r) })
	if err != nil {
		return bad("suppressed runs: " + err.Error())
	}
	if s.String() != text {
		return bad("not in its only form")
	}
	return s, nil
}

func parseRuns(text string, codes bool, put func(partition.Range, string, int)) error {
	if text == "-" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	var last uint64
	next := func() (uint64, error) {
		n, size := binary.Uvarint(raw)
		if size <= 0 || n > 1<<62 {
			return 0, fmt.Errorf("bad varint")
		}
		raw = raw[size:]
		return n, nil
	}
	for len(raw) > 0 {
		gap, err := next()
		if err != nil {
			return err
		}
		size, err := next()
		if err != nil {
			return err
		}
		from := last + gap
		last = from + size
		if size == 0 || last > 1<<62 {
			return fmt.Errorf("bad run")
		}
		code, rule := "", 0
		if codes {
			num, err := next()
			if err != nil || num >= (maxRules+1)*perRule {
				return fmt.Errorf("bad code")
			}
			code, rule = fmt.Sprintf("%s%03d", codePrefix, num%perRule), int(num/perRule)
		}
		put(partition.Range{From: partition.Offset(from), To: partition.Offset(last)}, code, rule)
	}
	return nil
}

// Resume says where slice goes on, given the stamp that its lane has in the target. It is the rule of all sinks: a stamp of an
// earlier slice means that this one begins, one of this slice that it resumes, and one of a later slice or a newer epoch that
// whoever asks has been overtaken: ErrFenced.
func (s Stamp) Resume(slice partition.Slice, epoch partition.Epoch) (Progress, error) {
	switch {
	case s.Slice > slice.ID.N:
		return Progress{}, fmt.Errorf("slice %s is done, the lane is at slice %d: %w", slice.ID, s.Slice, ErrFenced)
	case s.Slice == slice.ID.N && s.Epoch > epoch:
		return Progress{}, fmt.Errorf("slice %s is at epoch %d, this is %d: %w", slice.ID, s.Epoch, epoch, ErrFenced)
	case s.Slice == slice.ID.N:
		return s.Progress, nil
	}
	fresh := Begin(slice)
	fresh.Consumed, fresh.Scanned = s.Progress.Consumed, max(s.Progress.Scanned, slice.TargetTo)
	return fresh, nil
}

// Begin is the progress of a slice of which nothing is done, in a lane of which nothing is done.
func Begin(slice partition.Slice) Progress {
	return Progress{Cursor: slice.Ranges.Span().From, Scanned: slice.TargetTo}
}
