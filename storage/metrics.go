package storage

// Metrics are the figures of the database that an operator looks at. Counters count from Open.
type Metrics struct {
	DiskBytes         uint64 // sizes of all files in the node directory, snapshots included
	WALBytes          uint64 // live bytes in write-ahead log files
	WALFiles          int64
	WALBytesWritten   uint64 // counter: physical bytes written to the write-ahead log
	MemTableBytes     uint64
	CacheBytes        int64
	CacheHits         int64 // counter
	CacheMisses       int64 // counter
	Flushes           int64 // counter
	Compactions       int64 // counter
	CompactionDebt    uint64
	L0Files           int64
	ReadAmplification int
	WriteStalls       int64 // counter
	SlowWrites        int64 // counter
}

// Metrics reads the figures now.
func (db *DB) Metrics() Metrics {
	m := db.pebble.Metrics()
	return Metrics{
		DiskBytes:         db.diskBytes(),
		WALBytes:          m.WAL.Size,
		WALFiles:          m.WAL.Files,
		WALBytesWritten:   m.WAL.BytesWritten,
		MemTableBytes:     m.MemTable.Size,
		CacheBytes:        m.BlockCache.Size,
		CacheHits:         m.BlockCache.Hits,
		CacheMisses:       m.BlockCache.Misses,
		Flushes:           m.Flush.Count,
		Compactions:       m.Compact.Count,
		CompactionDebt:    m.Compact.EstimatedDebt,
		L0Files:           m.Levels[0].TablesCount,
		ReadAmplification: m.ReadAmp(),
		WriteStalls:       db.events.stalls.Load(),
		SlowWrites:        db.events.slowWrites.Load(),
	}
}

// diskBytes adds up the files. Pebble's own figure leaves out the log file that is being written, which is most of a young node.
// A file that goes while it is looked at counts as nothing.
func (db *DB) diskBytes() uint64 {
	var sum func(dir string) uint64
	sum = func(dir string) (total uint64) {
		names, _ := db.fs.List(dir)
		for _, name := range names {
			path := db.fs.PathJoin(dir, name)
			info, err := db.fs.Stat(path)
			switch {
			case err != nil:
			case info.IsDir():
				total += sum(path)
			default:
				total += uint64(info.Size())
			}
		}
		return total
	}
	return sum(db.dir)
}
