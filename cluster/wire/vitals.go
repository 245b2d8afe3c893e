package wire

// Messages about clocks and disks. They are of cluster version 8: nobody sends them to a node whose program does not know them.

const (
	TypeVitals Type = 24

	TypeVitalsReply Type = 0x98
)

// Vitals asks a node what its clock says and how full its disk is.
type Vitals struct{ From Who }

// VitalsReply answers it. Level is a vitals.Level, and the rest about the disk is 0 when that is not known.
type VitalsReply struct {
	WallUnixNanos       int64
	DiskUsed, DiskBytes uint64
	DiskLevel           uint8
}

func (m *Vitals) Type() Type      { return TypeVitals }
func (m *VitalsReply) Type() Type { return TypeVitalsReply }

func (m *Vitals) encode(w *writer) { m.From.encode(w) }
func (m *Vitals) decode(r *reader) { m.From.decode(r) }

func (m *VitalsReply) encode(w *writer) {
	w.u64(uint64(m.WallUnixNanos))
	w.u64(m.DiskUsed)
	w.u64(m.DiskBytes)
	w.u8(m.DiskLevel)
}

func (m *VitalsReply) decode(r *reader) {
	m.WallUnixNanos = int64(r.u64())
	m.DiskUsed, m.DiskBytes, m.DiskLevel = r.u64(), r.u64(), r.u8()
}
