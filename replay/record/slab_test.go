package record

import "testing"

func TestBufferComesBackAfterItsLastUse(t *testing.T) {
	b := NewBuffer(5000)
	if cap(b.B) < 5000 || len(b.B) != 0 {
		t.Fatalf("got len %d cap %d, want 0 and at least 5000", len(b.B), cap(b.B))
	}
	s := NewSlab()
	s.Keep(b.Use())
	s.Append(Record{Offset: 7, Value: []byte("abc")})
	batch := s.Batch(3, 8)
	if batch.Bytes != 3 || batch.Next != 8 || batch.Partition != 3 || len(batch.Records) != 1 {
		t.Fatalf("got %+v", batch)
	}
	b.Done()
	if n := b.uses.Load(); n != 1 {
		t.Fatalf("got %d uses while the batch lives, want 1", n)
	}
	batch.Release()
	if n := b.uses.Load(); n != 0 {
		t.Fatalf("got %d uses after release, want 0", n)
	}
	batch.Release() // harmless
	defer func() {
		if recover() == nil {
			t.Error("a buffer released too often went unnoticed")
		}
	}()
	b.Done()
}

func TestCutTakesBack(t *testing.T) {
	s := NewSlab()
	s.Append(Record{Value: []byte("abc")})
	s.Append(Record{Key: []byte("de"), Headers: []Header{{"f", []byte("g")}}})
	s.Cut(1)
	if s.Size() != 3 || len(s.Records) != 1 {
		t.Fatalf("got %d bytes in %d records, want 3 in 1", s.Size(), len(s.Records))
	}
}

// What others allocate is as much as there are answers of a broker, and would be kept until the second collection after.
func TestWrappedBuffersAreNotPooled(t *testing.T) {
	wrapped := map[*Buffer]bool{}
	for range 100 {
		b := WrapBuffer(make([]byte, 0, 64<<10))
		wrapped[b] = true
		b.Done()
	}
	for range 100 {
		if b := NewBuffer(64 << 10); wrapped[b] {
			t.Fatal("a wrapped buffer came out of the pool")
		}
	}
}

// What a slab keeps for a digest does not lie where the record lay, and is what says where it came from.
func TestADigestKeepsNothingOfTheRecordsBytes(t *testing.T) {
	memory := []byte("backstitch.originorders/0/7h1valuekey")
	r := Record{Offset: 9, TimestampMs: 5, TimestampType: LogAppendTime, Key: memory[34:], Value: memory[29:34], Headers: []Header{
		{Key: "backstitch.null"}, {Key: BorrowString(memory[27:29]), Value: memory[29:34]}, {Key: BorrowString(memory[:17]), Value: memory[17:27]},
	}}
	var h Hasher
	want := h.Digest(&r, AllFields)
	s := NewSlab()
	s.Digest(&r, &h, AllFields)
	clear(memory)
	b := s.Batch(0, 10)
	kept := &b.Records[0]
	if len(b.Digests) != 1 || b.Digests[0] != want || b.Bytes != want.Bytes || b.SizeOf(0) != want.Bytes {
		t.Errorf("got digests %+v and %d bytes, want %+v", b.Digests, b.Bytes, want)
	}
	if kept.Offset != 9 || kept.TimestampMs != 5 || kept.TimestampType != LogAppendTime || kept.Key != nil || kept.Value != nil || len(kept.Headers) != 2 {
		t.Fatalf("got %+v, want place, time and our own headers", *kept)
	}
	if a, o := kept.Headers[0], kept.Headers[1]; a.Key != "backstitch.null" || a.Value != nil || o.Key != "backstitch.origin" || string(o.Value) != "orders/0/7" {
		t.Errorf("got headers %q, want ours as they were", kept.Headers)
	}
	b.Release()
}

func TestCutTakesBackDigests(t *testing.T) {
	s := NewSlab()
	var h Hasher
	for i := range 3 {
		s.Digest(&Record{Value: make([]byte, 1+i)}, &h, AllFields)
	}
	s.Cut(1)
	if b := s.Batch(0, 1); b.Bytes != 1 || len(b.Records) != 1 || len(b.Digests) != 1 {
		t.Errorf("got %d bytes in %d records and %d digests, want 1 in 1 and 1", b.Bytes, len(b.Records), len(b.Digests))
	}
	s.Drop()
	s = NewSlab()
	s.Append(Record{})
	if b := s.Batch(0, 1); b.Digests != nil {
		t.Errorf("a slab that held digests gives them to records: %+v", b.Digests)
	}
	s.Drop()
}

// Records without headers beside digests are not cleared when a slab is given back. A slab that had some has to be: the next batch would
// hold what they point to.
func TestASlabThatIsGivenBackPointsNowhere(t *testing.T) {
	var h Hasher
	for name, r := range map[string]Record{
		"bare": {Offset: 7}, "ours": {Offset: 7, Headers: []Header{{Key: "backstitch.origin", Value: []byte("orders/0/7")}}},
	} {
		s := &Slab{}
		s.Digest(&r, &h, AllFields)
		s.Digest(&Record{Offset: 8}, &h, AllFields)
		all := s.Records
		s.Batch(0, 9).Release()
		for _, left := range all {
			if left.Key != nil || left.Value != nil || left.Headers != nil {
				t.Errorf("%s: a slab that was given back holds %+v", name, left)
			}
		}
		if s.origins {
			t.Errorf("%s: a slab that was given back says that it holds headers", name)
		}
	}
}
