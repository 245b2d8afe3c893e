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
