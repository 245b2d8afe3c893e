package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The runtime believes what a module says of its own sizes: it makes room for a billion globals, locals or elements because forty bytes
// say that there are some; it bounds memory and not tables; and it looks whether time is up where a loop begins and nowhere else, so that
// calls without a loop among them run as long as they like. So a module is walked through before the runtime sees it: nothing is counted
// that is not there, and each function gets an empty loop to begin with. Whether it is valid is the runtime's to say.

const (
	// maxElements bounds all tables of a module together. A program has an element for each function that it calls by a pointer.
	maxElements = 1 << 16
	// maxLocals bounds the locals of one function. It is what browsers allow.
	maxLocals = 50_000
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// prepare refuses what is no module, imports anything, or says that it is larger than it is. It returns the module as the runtime gets it,
// without sections for tools.
func prepare(code []byte) ([]byte, error) {
	if !bytes.HasPrefix(code, magic) {
		return nil, errors.New("it is no WebAssembly module in its binary form, version 1")
	}
	out := append(make([]byte, 0, len(code)+len(code)/4), magic...)
	for w := (&walk{b: code[len(magic):]}); len(w.b) > 0; {
		id := w.u8()
		content := w.chunk()
		if w.broken {
			return nil, errBroken
		}
		if id == 0 {
			continue
		}
		if int(id) >= len(sections) {
			return nil, fmt.Errorf("it has a section %d, which is not known here", id)
		}
		in := &walk{b: content}
		if err := sections[id](in); err != nil {
			return nil, err
		}
		if in.broken || len(in.b) > 0 {
			return nil, errBroken
		}
		if in.made != nil {
			content = in.made
		}
		out = appendChunk(append(out, id), content)
	}
	return out, nil
}

var errBroken = errors.New("it is broken: it says another size than it has, or says what is not known here")

func appendChunk(dst, content []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(content))), content...)
}

// walk goes through bytes. After the first that can not be, broken is set and all else is zero.
type walk struct {
	b      []byte
	broken bool
	made   []byte // what stands for the section, nil for itself
}

func (w *walk) take(n uint64) []byte {
	if w.broken || n > uint64(len(w.b)) {
		w.broken, w.b = true, nil
		return nil
	}
	out := w.b[:n]
	w.b = w.b[n:]
	return out
}

func (w *walk) u8() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number is one of at most 32 bits.
func (w *walk) number() uint64 {
	n, size := binary.Uvarint(w.b)
	if size <= 0 || size > 5 || n > 1<<32-1 {
		w.take(uint64(len(w.b)) + 1)
		return 0
	}
	w.take(uint64(size))
	return n
}

// chunk is bytes that begin with how many they are.
func (w *walk) chunk() []byte { return w.take(w.number()) }

// each calls f for each of a list, whose entries take a byte at least.
func (w *walk) each(f func()) {
	n := w.number()
	if n > uint64(len(w.b)) {
		w.take(n)
		return
	}
	for ; n > 0 && !w.broken; n-- {
		f()
	}
}

func (w *walk) numbers() { w.each(func() { w.number() }) }
func (w *walk) bytes()   { w.each(func() { w.u8() }) }
func (w *walk) signed() {
	for w.u8()&0x80 != 0 && !w.broken {
	}
}

// limits are how much there is at first, and perhaps at most.
func (w *walk) limits() (least uint64) {
	bounded := w.u8()
	least = w.number()
	if bounded == 1 {
		w.number()
	}
	w.broken = w.broken || bounded > 1
	return least
}

// constant is an expression without a function around it.
func (w *walk) constant() {
	for !w.broken {
		switch w.u8() {
		case 0x0b: // end
			return
		case 0x41, 0x42: // i32.const, i64.const
			w.signed()
		case 0x43: // f32.const
			w.take(4)
		case 0x44: // f64.const
			w.take(8)
		case 0x23, 0xd2: // global.get, ref.func
			w.number()
		case 0xd0: // ref.null
			w.u8()
		case 0xfd: // v128.const
			w.number()
			w.take(16)
		default:
			w.broken = true
		}
	}
}

// sections are those that a module may have, by their number.
var sections = [...]func(*walk) error{
	1:  shape((*walk).types),
	2:  (*walk).imports,
	3:  shape((*walk).numbers),
	4:  (*walk).tables,
	5:  shape(func(w *walk) { w.each(func() { w.limits() }) }),
	6:  shape(func(w *walk) { w.each(func() { w.take(2); w.constant() }) }),
	7:  shape(func(w *walk) { w.each(func() { w.chunk(); w.u8(); w.number() }) }),
	8:  shape(func(w *walk) { w.number() }),
	9:  shape((*walk).elements),
	10: (*walk).code,
	11: shape((*walk).data),
	12: shape(func(w *walk) { w.number() }),
}

func shape(f func(*walk)) func(*walk) error {
	return func(w *walk) error {
		f(w)
		return nil
	}
}

func (w *walk) types() {
	w.each(func() {
		w.broken = w.broken || w.u8() != 0x60
		w.bytes()
		w.bytes()
	})
}

func (w *walk) imports() error {
	if w.number() == 0 {
		return nil
	}
	from, name := string(w.chunk()), string(w.chunk())
	return fmt.Errorf("it imports %.40q of %.40q, and a step gives a module nothing: build it without WASI and without a host", name, from)
}

func (w *walk) tables() (err error) {
	elements := uint64(0)
	w.each(func() {
		w.broken = w.broken || w.u8() != 0x70 // of functions
		elements += w.limits()
	})
	if elements > maxElements {
		err = fmt.Errorf("its tables have %d elements, at most %d are allowed", elements, maxElements)
	}
	return err
}

// elements are segments of tables. The lowest bit of their kind says that none is put into a table at once, the second that a table or a
// type is named, the third that expressions and not numbers of functions are listed.
func (w *walk) elements() {
	w.each(func() {
		kind := w.number()
		w.broken = w.broken || kind > 7
		if kind&3 == 2 {
			w.number()
		}
		if kind&1 == 0 {
			w.constant()
		}
		if kind&3 != 0 {
			w.u8()
		}
		if kind&4 == 0 {
			w.numbers()
		} else {
			w.each(w.constant)
		}
	})
}

func (w *walk) data() {
	w.each(func() {
		kind := w.number()
		w.broken = w.broken || kind > 2
		if kind == 2 {
			w.number()
		}
		if kind != 1 {
			w.constant()
		}
		w.chunk()
	})
}

// emptyLoop is loop, of no result, and end.
var emptyLoop = []byte{0x03, 0x40, 0x0b}

// code puts an empty loop in front of each function's instructions, which come behind its locals.
func (w *walk) code() (err error) {
	count, _ := binary.Uvarint(w.b)
	w.made = binary.AppendUvarint(nil, count)
	w.each(func() {
		body := w.chunk()
		in, locals := &walk{b: body}, uint64(0)
		in.each(func() { // so many of one type
			locals += in.number()
			in.u8()
		})
		w.broken = w.broken || in.broken
		if locals > maxLocals {
			err = fmt.Errorf("one of its functions has %d locals, at most %d are allowed", locals, maxLocals)
		}
		at := len(body) - len(in.b)
		w.made = binary.AppendUvarint(w.made, uint64(len(body)+len(emptyLoop)))
		w.made = append(append(append(w.made, body[:at]...), emptyLoop...), body[at:]...)
	})
	return err
}
