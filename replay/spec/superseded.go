package spec

// What becomes of a change event of a database that would be written behind newer ones of its row.
const (
	SupersededKeep       = "keep"
	SupersededQuarantine = "quarantine"
)

// superseded refuses what can not be told together with it.
func (c *checker) superseded(r *Recovery) {
	w := r.Spec.Write
	if w == nil || w.Superseded != SupersededQuarantine {
		return
	}
	const at = "spec.write.superseded"
	if w.Dedupe != nil {
		c.add(CodeTogether, at, "superseded: quarantine and write.dedupe exclude each other",
			"a record that is set aside would hide what repeats it: leave one of them out")
	}
	if k := r.Spec.Target.Kafka; k != nil && k.Partitioner == "murmur2" {
		c.add(CodeTogether, at, "superseded: quarantine and partitioner: murmur2 exclude each other",
			"backstitch alone fills such a topic, in the order of the reference: leave superseded out")
	}
}
