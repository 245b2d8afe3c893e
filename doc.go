// Package backstitch finds exactly which records a data pipeline lost, puts exactly those back, and shows a proof that
// anyone can re-run. It keeps going when its own nodes die.
//
// The rooms, from the bottom:
//
//   - partition: where work lies (jobs, slices, ranges), and the pure arithmetic of cutting and assigning it
//   - storage: bytes that survive a crash
//   - fsm: the book of record; every replicated fact is a type there, every change a numbered command
//   - replay: everything that touches data: read, write, find gaps, verify
//   - cluster: who we are, who leads, who holds which lease, the API
//   - chaos: hurt it on purpose and judge from evidence
//   - cmd/backstitch: flags, wiring, printing
//   - deploy: what an operator applies
//
// Who may import whom is checked by layers_test.go; what each room promises is in its DESIGN.md. This package holds no code.
package backstitch
