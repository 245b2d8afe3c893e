package record

import "testing"

func TestSplitBatchesShareMemoryUntilBothAreReleased(t *testing.T) {
	freed := 0
	b := &Batch{Records: []Record{{Offset: 1, Value: []byte("a")}, {Offset: 4, Value: []byte("bc")}, {Offset: 9, Value: []byte("d")}}, Next: 10, Bytes: 4, Free: func() { freed++ }}
	front := b.Split(2)
	if len(front.Records) != 2 || front.Bytes != 3 || front.Next != 9 || len(b.Records) != 1 || b.Bytes != 1 || b.Next != 10 {
		t.Errorf("got %d records, %d bytes up to %d and %d records, %d bytes up to %d, want 2, 3, 9 and 1, 1, 10",
			len(front.Records), front.Bytes, front.Next, len(b.Records), b.Bytes, b.Next)
	}
	front.Release()
	front.Release()
	if freed != 0 {
		t.Error("the memory went back while half of it was in use")
	}
	b.Release()
	if freed != 1 {
		t.Errorf("freed %d times, want once", freed)
	}
}
