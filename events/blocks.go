package events

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// blockSize is how much is read at once, and the length that a line must stay below to be read. A Writer's lines
// have MaxLine at most; other programs may write longer ones.
const blockSize = 256 << 10

// A block is a piece of the input that ends with a newline, but for the exceptions.
type block struct {
	data   []byte
	offset int64 // of data in the input
	number int64 // of the block, from 0
	joined bool  // it begins in the middle of a line that is too long
	part   bool  // it ends in the middle of a line that is too long
	last   bool  // it is the end of the input, without a newline
}

// blocks cuts an input into blocks, for one goroutine at a time.
type blocks struct {
	in     io.Reader
	opened bool
	live   bool   // the end of the input is not the end: more may come
	carry  []byte // read, but behind the last newline
	offset int64  // of carry in the input
	cuts   int64  // how many blocks were cut off
	joined bool   // carry belongs to a line that is too long
	err    error  // why nothing more can be read
	done   bool   // the last block is out
}

// next reads the next block into buf, which has blockSize bytes. ok is false at the end, and when live is set and
// there is nothing more yet.
func (b *blocks) next(buf []byte) (next block, ok bool) {
	if b.done {
		return block{}, false
	}
	b.open()
	n := copy(buf, b.carry)
	for {
		if n == len(buf) {
			return b.cut(buf, keepFrom(buf), block{part: true}), true
		}
		m, err := b.read(buf[n:])
		fresh := buf[n : n+m]
		n += m
		if end := bytes.LastIndexByte(fresh, '\n'); end >= 0 {
			return b.cut(buf[:n], n-m+end+1, block{}), true
		}
		if err == nil {
			continue
		}
		if b.live && errors.Is(err, io.EOF) {
			b.carry, b.err = append(b.carry[:0], buf[:n]...), nil
			return block{}, false
		}
		b.done, b.carry, b.in = true, nil, nil // who reads many files may keep the Readers for their Tally
		return b.cut(buf[:n], n, block{last: true}), n > 0
	}
}

// read reads once. An error that came together with bytes is kept for the next time.
func (b *blocks) read(buf []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	for range 100 {
		n, err := b.in.Read(buf)
		if b.err = err; n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	b.err = io.ErrNoProgress
	return 0, b.err
}

// cut makes the first end bytes of what was read the next block, and carries the rest.
func (b *blocks) cut(read []byte, end int, next block) block {
	next.data, next.offset, next.joined, next.number = read[:end], b.offset, b.joined, b.cuts
	b.cuts++
	b.carry = append(b.carry[:0], read[end:]...)
	b.offset += int64(end)
	b.joined = next.part
	return next
}

// keepFrom returns where the part of a too long line begins that is carried. A record may begin there, and one that
// follows a long fragment on the same line is not cut in two.
func keepFrom(buf []byte) int {
	if at := bytes.LastIndex(buf, markerBytes); at > 0 {
		return at
	}
	return len(buf) - len(marker) + 1 // a marker may be cut in two
}

// open looks whether the input is compressed.
func (b *blocks) open() {
	if b.opened || b.live {
		return
	}
	b.opened = true
	head, n := make([]byte, 3), 0
	for n < len(head) && b.err == nil { // not by io.ReadFull, whose ErrUnexpectedEOF could be b.in's own
		var m int
		m, _ = b.read(head[n:])
		n += m
	}
	head = head[:n]
	if !bytes.Equal(head, []byte{0x1f, 0x8b, 8}) {
		b.carry = append(b.carry, head...)
		return
	}
	unzip, err := gzip.NewReader(io.MultiReader(bytes.NewReader(head), b.in))
	if err != nil {
		b.err = err
		return
	}
	b.in = unzip
}

// cutShort says whether the input ended where it could not have: a compressed file whose end is missing.
func (b *blocks) cutShort() bool { return errors.Is(b.err, io.ErrUnexpectedEOF) }

// failure is why reading ended early. That the input is cut short is no failure.
func (b *blocks) failure() error {
	if b.err == nil || errors.Is(b.err, io.EOF) || b.cutShort() {
		return nil
	}
	return b.err
}
