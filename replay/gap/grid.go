package gap

// A grid counts records in buckets whose width adapts: it begins fine, and when there are too many buckets the width grows. All
// widths of a ladder divide the next one, so that buckets join without splitting and partitions with different widths can be
// drawn side by side.

// timeLadder are widths in milliseconds: 1 ms up to a week.
var timeLadder = []int64{
	1, 10, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000,
	43_200_000, 86_400_000, 604_800_000,
}

// positionLadder are widths in positions.
var positionLadder = func() []int64 {
	out := []int64{1}
	for len(out) < 36 {
		last := out[len(out)-1]
		out = append(out, 5*last, 10*last)
	}
	return out[:35]
}()

const maxCells = 2048

// cell is what one bucket holds.
type cell struct {
	Total, Missing, Duplicate int64
	Corrupt                   bool
}

func (c *cell) add(o cell) {
	c.Total += o.Total
	c.Missing += o.Missing
	c.Duplicate += o.Duplicate
	c.Corrupt = c.Corrupt || o.Corrupt
}

// grid is the buckets of one partition, by the number that its left edge divided by the width gives.
type grid struct {
	ladder []int64
	step   int // in ladder
	cells  map[int64]*cell
	// What at returned last, and the left edge of it: records come in about the order of what they are drawn by.
	lastFrom int64
	last     *cell
}

func newGrid(ladder []int64) *grid { return &grid{ladder: ladder, cells: map[int64]*cell{}} }

func (g *grid) width() int64 { return g.ladder[g.step] }

// at returns the bucket of x.
func (g *grid) at(x int64) *cell {
	width := g.width()
	if g.last != nil && uint64(x-g.lastFrom) < uint64(width) {
		return g.last
	}
	key := floorDiv(x, width)
	c := g.cells[key]
	if c == nil {
		c = &cell{}
		g.cells[key] = c
		if len(g.cells) > maxCells && g.step+1 < len(g.ladder) {
			g.coarsen(g.step + 1)
			return g.at(x)
		}
	}
	g.settle()
	if from := key * width; from <= x { // the oldest timestamp there is lies in a bucket that begins before all that can be said
		g.lastFrom, g.last = from, c
	}
	return c
}

// settle forgets the bucket of the last position: two grids with the same buckets are the same.
func (g *grid) settle() { g.lastFrom, g.last = 0, nil }

// coarsen goes to another step of the ladder, which is no finer.
func (g *grid) coarsen(step int) {
	factor := g.ladder[step] / g.ladder[g.step]
	old := g.cells
	g.cells = make(map[int64]*cell, len(old)) // as many come again
	g.step = step
	g.settle()
	for key, c := range old {
		key = floorDiv(key, factor)
		if sum := g.cells[key]; sum != nil {
			sum.add(*c)
		} else {
			g.cells[key] = c
		}
	}
}

// floorDiv rounds towards minus infinity: timestamps before 1970 are legal.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
