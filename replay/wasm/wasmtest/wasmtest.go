// Package wasmtest assembles small WebAssembly modules, so that tests need no compiler of any language.
package wasmtest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Op is a piece of a function's body.
type Op []byte

// Instructions, as far as the modules here need them.
var (
	Unreachable = Op{0x00}
	Drop        = Op{0x1a}
	Add         = Op{0x6a}           // i32.add
	Sub         = Op{0x6b}           // i32.sub
	Equal       = Op{0x46}           // i32.eq
	Grow        = Op{0x40, 0}        // memory.grow
	Copy        = Op{0xfc, 10, 0, 0} // memory.copy, to from size
	Load8       = Op{0x2d, 0, 0}     // i32.load8_u
	Store8      = Op{0x3a, 0, 0}     // i32.store8
	Pack        = Op{0xad}           // i64.extend_i32_u
	Or64        = Op{0x84}           // i64.or
	Shift64     = Op{0x86}           // i64.shl
	GlobalGet   = Op{0x23, 0}        // of the one global: the end of what alloc gave
	GlobalSet   = Op{0x24, 0}        //
	loop        = Op{0x03, 0x40}     // to blocks
	branch      = Op{0x0c, 0}        //
	ifEmpty     = Op{0x04, 0x40}     //
	end         = Op{0x0b}           //
	Return      = Op{0x0f}           //
)

// I32 pushes a number.
func I32(n int32) Op { return append(Op{0x41}, signed(int64(n))...) }

// I64 pushes a number.
func I64(n int64) Op { return append(Op{0x42}, signed(n)...) }

// Get pushes a local: 0 and 1 are the value's address and size, 2 is free.
func Get(local byte) Op { return Op{0x20, local} }

// Set pops into a local.
func Set(local byte) Op { return Op{0x21, local} }

// Call calls alloc, which is 0.
var Call = Op{0x10, 0}

// Loop runs ops for ever.
func Loop(ops ...Op) Op { return Seq(loop, Seq(ops...), branch, end) }

// If runs ops where the number on the stack is not 0.
func If(ops ...Op) Op { return Seq(ifEmpty, Seq(ops...), end) }

// Seq is ops, one after the other.
func Seq(ops ...Op) Op {
	var out Op
	for _, o := range ops {
		out = append(out, o...)
	}
	return out
}

// Answer gives the answer of that address and size, which are ops that push an i32 each.
func Answer(at, size Op) Op { return Seq(at, Pack, I64(32), Shift64, size, Pack, Or64, Return) }

// Refuse refuses with size bytes at at.
func Refuse(at, size int32) Op {
	return Seq(I64(int64(at)<<32|1<<31|int64(size)), Return)
}

// Data is where Module.Data lies, and Free where alloc begins.
const (
	Data = 1024
	Free = 4096
)

// Module says what a module has.
type Module struct {
	Pages    uint32 // of memory at first; 0 stands for 1
	MaxPages uint32 // that it says itself; 0 for no word of it
	Data     string // at address Data
	Body     Op     // of transform(address, size) i64
	Alloc    Op     // of alloc(size) i32; nil gives out memory from Free on, and knows no end
	Imports  bool   // whether it imports a function
	Table    uint32 // elements of a table; 0 for no table
	Locals   uint32 // of transform; 0 stands for 1
	Named    string // what transform is exported as; "" stands for transform
}

// Bump is an alloc that gives out memory from Free on.
var Bump = Seq(GlobalGet, GlobalGet, Get(0), Add, GlobalSet)

// Bytes is m in the binary form.
func (m Module) Bytes() []byte {
	alloc, pages, named := m.Alloc, m.Pages, m.Named
	if alloc == nil {
		alloc = Bump
	}
	if pages == 0 {
		pages = 1
	}
	if named == "" {
		named = "transform"
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content ...[]byte) {
		body := bytes.Join(content, nil)
		out = append(append(append(out, id), number(len(body))...), body...)
	}
	section(1, []byte{2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e})
	first := byte(0)
	if m.Imports {
		first = 1
		section(2, []byte{1}, text("wasi_snapshot_preview1"), text("random_get"), []byte{0, 0})
	}
	section(3, []byte{2, 0, 1})
	if m.Table > 0 {
		section(4, []byte{1, 0x70, 0}, number(int(m.Table)))
	}
	limits := append([]byte{0}, number(int(pages))...)
	if m.MaxPages > 0 {
		limits = slices.Concat([]byte{1}, number(int(pages)), number(int(m.MaxPages)))
	}
	section(5, []byte{1}, limits)
	section(6, []byte{1, 0x7f, 1}, I32(Free), end)
	section(7, []byte{3}, text("memory"), []byte{2, 0}, text("alloc"), []byte{0, first}, text(named), []byte{0, first + 1})
	code := func(locals []byte, body Op) []byte {
		all := slices.Concat(locals, body, end)
		return append(number(len(all)), all...)
	}
	section(10, []byte{2}, code([]byte{0}, alloc), code(slices.Concat([]byte{1}, number(int(max(m.Locals, 1))), []byte{0x7f}), Seq(m.Body, Unreachable)))
	if m.Data != "" {
		section(11, []byte{1, 0}, I32(Data), end, text(m.Data))
	}
	return out
}

// Suffix is what Append puts in front of the last byte of a value.
const Suffix = `,"wasm":true`

// Append gives each object one more member: {"a":1} becomes {"a":1,"wasm":true}.
func Append() []byte { return Module{Data: Suffix + "}", Body: appendBody()}.Bytes() }

func appendBody() Op {
	tail := int32(len(Suffix) + 1)
	before := Seq(Get(1), I32(1), Sub)
	return Seq(
		Get(1), I32(tail), Add, Call, Set(2),
		Get(2), Get(0), before, Copy,
		Get(2), before, Add, I32(Data), I32(tail), Copy,
		Answer(Get(2), Seq(before, I32(tail), Add)),
	)
}

// Word is what Picky refuses with.
const Word = "no such shop"

// Picky goes by the first letter of the first member's name: s spins, g takes memory without end, t stops, r refuses with Word, d gives an empty
// answer, o one that is not in its memory, j one that is no JSON, l a list; all others are changed as by Append.
func Picky() []byte {
	data := Suffix + "}" + Word + "{]" + "[1]"
	at := func(s string) int32 { return Data + int32(bytes.LastIndex([]byte(data), []byte(s))) }
	case_ := func(letter byte, ops ...Op) Op {
		return Seq(Get(0), I32(2), Add, Load8, I32(int32(letter)), Equal, If(ops...))
	}
	return Module{Data: data, Body: Seq(
		case_('s', Loop()),
		case_('g', Loop(I32(1), Grow, I32(-1), Equal, If(Unreachable))),
		case_('t', Unreachable),
		case_('r', Refuse(at(Word), int32(len(Word)))),
		case_('d', I64(0), Return),
		case_('o', Answer(I32(-8), I32(64))),
		case_('j', Answer(I32(at("{]")), I32(2))),
		case_('l', Answer(I32(at("[1]")), I32(3))),
		appendBody(),
	)}.Bytes()
}

// Counter answers with how many values its memory says that it has seen, as {"n":1}. It can not count when each value meets a new instance.
func Counter() []byte {
	const at = Data + 5
	return Module{Data: `{"n":0}`, Body: Seq(
		I32(at), I32(at), Load8, I32(1), Add, Store8,
		Answer(I32(Data), I32(7)),
	)}.Bytes()
}

// Forgetful answers with what alloc gave to the value before, as far as a global says.
func Forgetful() []byte {
	return Module{Data: `{"n":0}`, Body: Seq(
		I32(Data+5), GlobalGet, I32(Free), Sub, Get(1), Sub, I32('0'), Add, Store8,
		Answer(I32(Data), I32(7)),
	)}.Bytes()
}

func text(s string) []byte { return append(number(len(s)), s...) }

func number(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// signed is LEB128 with a sign.
func signed(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
