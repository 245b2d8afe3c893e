package parquetfile

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// batchRows is how many rows are read at a time.
const batchRows = 128

// Rows reads the rows of one row group. It is used by one goroutine.
type Rows struct {
	rows parquet.Rows
	buf  []parquet.Row
	have int // rows in buf
	at   int // the next of them
	left int64
	size int64
	row  Row
	err  error
}

// Size is how many bytes the row group takes in memory.
func (r *Rows) Size() int64 { return r.size }

// Group opens a row group, which decompresses it: ErrCorrupt, ErrLimit, ErrCodec.
func (f *File) Group(i int) (_ *Rows, err error) {
	defer caught(&err)
	text, err := f.unpack(i)
	if err != nil {
		return nil, err
	}
	g, err := f.open(text)
	if err != nil {
		return nil, err
	}
	return &Rows{rows: g.Rows(), buf: make([]parquet.Row, batchRows), left: g.NumRows(), size: int64(len(text)), row: Row{columns: make([][]parquet.Value, len(f.leaves)), at: make([]int, len(f.leaves))}}, nil
}

// caught makes an error of a panic in the library, which is for what it did not think of. Bytes of others must not end the program.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrCorrupt, p)
	}
}

// Left is how many rows there are to come.
func (r *Rows) Left() int64 { return r.left }

// Next returns the next row, which is valid until Next is called again, io.EOF after the last. Of any other error nothing comes behind.
func (r *Rows) Next() (*Row, error) {
	if r.at == r.have {
		if r.left == 0 {
			return nil, io.EOF
		}
		if r.err == nil {
			r.err = r.more()
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	row := r.buf[r.at]
	r.at++
	r.left--
	return &r.row, r.row.set(row)
}

func (r *Rows) more() (err error) {
	defer caught(&err)
	r.at = 0
	r.have, err = r.rows.ReadRows(r.buf[:min(int64(len(r.buf)), r.left)])
	switch {
	case r.have > 0 && (err == nil || err == io.EOF):
		return nil
	case err == nil || err == io.EOF:
		return fmt.Errorf("%d of its rows are missing: %w", r.left, ErrCorrupt)
	}
	r.have = 0
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Close gives up what was read.
func (r *Rows) Close() error { return r.rows.Close() }

// Row is one row: the values of each column, with their levels.
type Row struct {
	columns [][]parquet.Value
	at      []int // of a walk, per column
}

// set takes a row over, which has the values of a column side by side.
func (r *Row) set(row parquet.Row) error {
	for i := range r.columns {
		r.columns[i] = nil
	}
	for begin := 0; begin < len(row); {
		c := row[begin].Column()
		end := begin + 1
		for end < len(row) && row[end].Column() == c {
			end++
		}
		if c < 0 || c >= len(r.columns) {
			return fmt.Errorf("a value of column %d: %w", c, ErrCorrupt)
		}
		r.columns[c] = row[begin:end:end]
		begin = end
	}
	return nil
}

// Values are those of a column, by its place among those with values.
func (r *Row) Values(column int) []parquet.Value { return r.columns[column] }
