package storage

// Metrics are the figures of the database that an operator looks at. Counters count from Open.
type Metrics struct {
	DiskBytes         uint64 // on disk, all files of pebble
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
		DiskBytes:         m.DiskSpaceUsage(),
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
