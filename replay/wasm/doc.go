// Package wasm runs a WebAssembly module over values: bytes in, bytes out, and nothing else. It is what a wasm step of a transform calls.
//
// A module keeps this interface, version 1:
//
//   - It imports nothing. It exports its memory as "memory", and two functions.
//   - alloc(size i32) i32 gives the address of size bytes, into which the value is written.
//   - transform(address i32, size i32) i64, or a function of another name that the step says, looks at the value there. The upper 32 bits of
//     what it gives are the address of its answer, the lower 31 the answer's size in bytes. Bit 31 is 0 if the answer is the new value, and 1 if
//     the value is refused and the answer says why.
//   - "_initialize", if there is one, is called before alloc.
//
// Invariants:
//   - The same module and the same value give the same answer. There is no clock, no randomness, no network and no file. Each value has an
//     instance of its own, so nothing is left of the value before.
//   - Memory is bounded, and so is time. What is over a bound is an error for that value, and the next one meets a module as new.
//   - A module reaches no memory but its own, wherever its answer points.
//   - There is no empty answer: a module can refuse a value and can not drop it.
//
// Two things the specification of WebAssembly leaves open: the bits of a NaN, which only a module that looks at those bits can tell, and how
// deep calls may go. Time is that of the machine. So on another machine a value may be refused that was not here; it is never another value.
//
// What is not here: how a step is written (replay/spec), what an answer has to look like and the codes of refusals (replay/transform).
//
// Reading order: module.go, sections.go, runner.go, memory.go.
package wasm
