package session

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// A line without end must not fill the memory.
func TestReadLineOfEndlessLines(t *testing.T) {
	endless := io.LimitReader(zeros{}, 2*maxTraceLine)
	line, tooLong, err := readLine(bufio.NewReader(endless))
	if len(line) > maxTraceLine || !tooLong || !errors.Is(err, io.EOF) {
		t.Errorf("of an endless line %d bytes are kept, too long: %v, %v", len(line), tooLong, err)
	}
	line, tooLong, err = readLine(bufio.NewReader(strings.NewReader("a\nb")))
	if string(line) != "a\n" || tooLong || err != nil {
		t.Errorf("got %q, too long: %v, %v", line, tooLong, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
