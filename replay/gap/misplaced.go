package gap

import "backstitch/partition"

// Astray is an object of the reference that lies under the directory of another time. Whoever reads by directory does not find
// its records; here they were compared like all others.
type Astray struct {
	Object  string
	Reason  string
	Base    partition.Offset
	Records int64 // -1 when it is not known
}

// astray makes a finding of each.
func (s *scan) astray() {
	for _, a := range s.extent.Astray {
		f := Finding{Kind: Misplaced, Partition: s.part, Object: a.Object, Count: a.Records, Reason: a.Reason}
		if a.Records > 0 {
			f.Range = partition.Range{From: a.Base, To: a.Base + a.Records}
		}
		s.res.findings = append(s.res.findings, f)
	}
}
