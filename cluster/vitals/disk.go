package vitals

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// Level is how full a disk is held to be.
type Level uint8

// Levels. The numbers go over the wire.
const (
	Unknown Level = 0 // nobody could read it
	Room    Level = 1
	Soft    Level = 2 // takes no new work
	Hard    Level = 3 // gives up the work that it has
)

// String is the level as people and the API say it.
func (l Level) String() string {
	switch l {
	case Room:
		return "room"
	case Soft:
		return "soft"
	case Hard:
		return "hard"
	}
	return "unknown"
}

// Back is by how many points a disk has to fall below a mark before that is forgotten, or its free bytes have to be a tenth more than enough.
const Back = 3

// Marks say from which on a full disk changes what a node does. A share alone is wrong for large disks: 95 % of 2 TB leaves 100 GB, which is room for a
// long time. Bytes alone are wrong for small ones, which may be nothing but a volume for the book.
type Marks struct {
	// Soft and Hard are shares of the disk in percent. 100 is never.
	Soft, Hard int
	// Enough is how many free bytes are enough whatever the share: with so many a disk is not past the soft mark, with a fifth of them not past the
	// hard one. 0 leaves it to the shares.
	Enough uint64
}

// DefaultMarks are past at 85 and 95 % of a disk, and only with less than 10 and 2 GiB free.
func DefaultMarks() Marks { return Marks{Soft: 85, Hard: 95, Enough: 10 << 30} }

// Validate reports marks that can not work.
func (m Marks) Validate() error {
	if m.Soft < 10 || m.Soft > m.Hard || m.Hard > 100 {
		return fmt.Errorf("soft %d and hard %d: want 10 <= soft <= hard <= 100", m.Soft, m.Hard)
	}
	return nil
}

// Next is the level of a disk that was at level was and looks like d now.
func (m Marks) Next(was Level, d Disk) Level {
	past := func(mark int, enough uint64, l Level) bool {
		floor := float64(mark)
		if was >= l {
			floor -= Back
			enough += enough / 10
		}
		return mark < 100 && d.Percent() >= floor && (m.Enough == 0 || d.Free() < enough)
	}
	switch {
	case past(m.Hard, m.Enough/5, Hard):
		return Hard
	case past(m.Soft, m.Enough, Soft):
		return Soft
	}
	return Room
}

// Disk is one look at where a node's data lie. Bytes is the size as far as the node may use it.
type Disk struct {
	Used, Bytes uint64
	Level       Level
}

// Percent is how much of the disk is used, 0 when that is not known. What is kept for root counts as nobody's, as df does it.
func (d Disk) Percent() float64 {
	if d.Bytes == 0 {
		return 0
	}
	return 100 * float64(d.Used) / float64(d.Bytes)
}

// Free is how much of the disk the node may still use.
func (d Disk) Free() uint64 { return d.Bytes - min(d.Used, d.Bytes) }

// String is how full the disk is, for people.
func (d Disk) String() string {
	if d.Bytes == 0 {
		return "not known"
	}
	return fmt.Sprintf("%.0f %% full, %s free", d.Percent(), humanize.IBytes(d.Free()))
}
