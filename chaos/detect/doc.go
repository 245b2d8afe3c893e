// Package detect measures one claim: of what was lost every record is named, and nothing else is, at evidence level E2 and above.
//
// A seed decides everything: the pair that is compared, the shape of the topic, how its archive is written, what is lost of it,
// and what looks like a loss and is none. The program looks, and a judge compares what it calls missing with what was taken away.
//
//   - The judge knows no matcher. It has a multiset of identities of each side, SHA-256 over what the pair can hold of a record
//     (traffic.ID), and the lost ones are what one has more of than the other. Which of two equal records is called missing is a
//     convention; how many of them is none.
//   - What is called missing is read at the positions that findings name, since those are what a person copies and a plan writes.
//   - What a layout does not hold can not be seen in it: an archive of values alone knows of no header. Then the program has to say
//     that it did not look.
//   - A case that compared nothing is a failure, and so is a set in which nothing was lost.
//
// Pairs: every layout that is read and a topic, the same by an S3 Inventory, two topics on two clusters, a topic and the archive
// that a sink made of it, two buckets, a topic and a group that read it. Objects of buckets and offsets of groups have no content
// to compare; they are counted apart, at the level that their findings say.
//
// Not here: the order of records and what a repair writes (replay/recovery/reach, chaos/stories), damage (replay/foreign).
//
// Reading order: seeds_test.go, identity_test.go, shape_test.go, loss_test.go, then any pair; real_test.go is on a real broker.
package detect
