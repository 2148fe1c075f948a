package logfiles

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back a zstd file may refer, and so what reading it takes. zstd -20 needs as much; higher levels
// and --long need more.
const maxWindow = 32 << 20

// Decompress is in without its compression: gzip, bzip2 or zstd, told by the first bytes; anything else is handed on
// as it is. What it returns fails with io.ErrUnexpectedEOF where a compressed input is cut short. Closing it gives
// back what unpacking takes, and leaves in open.
func Decompress(in io.Reader) (plain io.ReadCloser, packed bool) {
	const headSize = 10 // of the longest magic
	begin := bufio.NewReaderSize(in, 16<<10)
	head, _ := begin.Peek(headSize) // what cannot be read says so when it is
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		unzipped, err := gzip.NewReader(begin)
		if err != nil {
			return failing{cutShort(err)}, true
		}
		return unpacking{unzipped}, true
	case isBzip2(head):
		return unpacking{io.NopCloser(bzip2.NewReader(begin))}, true
	case isZstd(head):
		decoder, err := zstd.NewReader(begin, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return failing{err}, true
		}
		return unpacking{decoder.IOReadCloser()}, true
	}
	return io.NopCloser(begin), false
}

// isBzip2 looks for the mark of a first block, or of the end where there is none, behind the four letters.
func isBzip2(head []byte) bool {
	if len(head) < 10 || !bytes.HasPrefix(head, []byte("BZh")) || head[3] < '1' || head[3] > '9' {
		return false
	}
	block, end := []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}, []byte{0x17, 0x72, 0x45, 0x38, 0x50, 0x90}
	return bytes.Equal(head[4:10], block) || bytes.Equal(head[4:10], end)
}

// isZstd knows frames, and those to be skipped that may stand in front of them.
func isZstd(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(head)
	return magic == 0xFD2FB528 || magic&^0xF == 0x184D2A50
}

// unpacking says what is wrong with a compressed input in words that help.
type unpacking struct{ io.ReadCloser }

func (u unpacking) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = fmt.Errorf("unpacking it takes more than %d MiB of memory; unpack it with zstd -d --long=31 first (%w)",
			maxWindow>>20, err)
	}
	return n, err
}

// cutShort is err of the header of a compressed input.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A failing input cannot be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (f failing) Close() error { return nil }
