package fsm

import (
	"cmp"
	"slices"

	"backstitch/partition"
)

// What begins to be unusual while a scan of its pair runs starts none of its own (SaveBaseline), and that one has measured its topics before.
// It is looked into once that scan has ended, unless another one has begun since.

// Unscanned is what began to be unusual and was in no scan yet.
type Unscanned struct {
	Dataset DatasetName
	Topic   string
	Anomaly string          // its ID, the first of the topic
	Before  partition.JobID // the scan that ran then, and has ended
	Scan    partition.JobID // that will look into it
	Order   ScanOrder
}

// pairOf names what scans of a dataset compare.
type pairOf struct {
	dataset DatasetName
	pair    string
}

// begunScan is when a scan began, by the index of the book.
type begunScan struct {
	id    partition.JobID
	index uint64
	runs  bool
}

// begunScans are those of each pair that are kept, the oldest first.
func (v *View) begunScans() (map[pairOf][]begunScan, error) {
	out := map[pairOf][]begunScan{}
	for s, err := range v.Scans() {
		if err != nil {
			return nil, err
		}
		j, ok, err := v.Job(s.Job)
		if err != nil {
			return nil, err
		}
		if ok {
			p := pairOf{DatasetOf(j.Namespace, s.Dataset), s.Pair}
			out[p] = append(out[p], begunScan{j.ID, j.CreateIndex, !j.State.Terminal()})
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b begunScan) int { return cmp.Compare(a.index, b.index) })
	}
	return out, nil
}

// foundDuring reports whether a scan of its pair ran when a began. Otherwise it has one of its own since then, or none was wanted.
func (b *Baseline) foundDuring(a Anomaly) bool {
	return a.Scan != "" && a.Scan != TriggeredScanID(b.Dataset, int(b.Target), a.ID, 0)
}

// Unscanned returns at most one for each topic that is counted, by dataset and target, and none while a scan of its pair runs.
func (v *View) Unscanned() ([]Unscanned, error) {
	all, err := v.Watches()
	if err != nil {
		return nil, err
	}
	var out []Unscanned
	var scans map[pairOf][]begunScan // read when they are needed, which is seldom
	for _, w := range all {
		if !w.Scan {
			continue
		}
		baselines, err := v.Baselines(w.Dataset)
		if err != nil {
			return nil, err
		}
		for _, b := range baselines {
			if !slices.ContainsFunc(b.Anomalies, b.foundDuring) {
				continue
			}
			if scans == nil {
				if scans, err = v.begunScans(); err != nil {
					return nil, err
				}
			}
			d, ok, err := v.Dataset(w.Dataset)
			if err != nil {
				return nil, err
			}
			if !ok || int(b.Target) >= len(d.Orders) {
				continue
			}
			order := d.Orders[b.Target]
			if a, ok := b.unscanned(scans[pairOf{w.Dataset, order.Pair}]); ok {
				out = append(out, Unscanned{
					Dataset: w.Dataset, Topic: b.Topic, Anomaly: a.ID, Before: a.Scan, Order: order,
					Scan: TriggeredScanID(w.Dataset, int(b.Target), a.ID, int64(a.ToldIndex)), // the same may begin twice
				})
			}
		}
	}
	return out, nil
}

// unscanned is the first that was told of after the newest of the scans of its pair had begun, if that has ended.
func (b *Baseline) unscanned(scans []begunScan) (Anomaly, bool) {
	if slices.ContainsFunc(scans, func(s begunScan) bool { return s.runs }) {
		return Anomaly{}, false
	}
	newest := uint64(0)
	if n := len(scans); n > 0 {
		newest = scans[n-1].index
	}
	i := slices.IndexFunc(b.Anomalies, func(a Anomaly) bool { return b.foundDuring(a) && a.ToldIndex > newest })
	if i < 0 {
		return Anomaly{}, false
	}
	return b.Anomalies[i], true
}

// ScansInto are the scans that look into what is unusual of a topic, in the order of its anomalies: of each its own, or the first that began after it was
// told. Until there is one it is the one that ran then, and "" where none was wanted.
func (v *View) ScansInto(b Baseline) ([]partition.JobID, error) {
	out := make([]partition.JobID, len(b.Anomalies))
	for i, a := range b.Anomalies {
		out[i] = a.Scan
	}
	if !slices.ContainsFunc(b.Anomalies, b.foundDuring) {
		return out, nil
	}
	d, ok, err := v.Dataset(b.Dataset)
	if err != nil || !ok || int(b.Target) >= len(d.Orders) {
		return out, err
	}
	all, err := v.begunScans()
	if err != nil {
		return nil, err
	}
	scans := all[pairOf{b.Dataset, d.Orders[b.Target].Pair}]
	for i, a := range b.Anomalies {
		next := slices.IndexFunc(scans, func(s begunScan) bool { return s.index > a.ToldIndex })
		if next >= 0 && b.foundDuring(a) {
			out[i] = scans[next].id
		}
	}
	return out, nil
}
