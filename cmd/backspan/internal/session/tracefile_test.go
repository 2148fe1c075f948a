package session

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// A line without end must not fill the memory.
func TestEndlessLines(t *testing.T) {
	endless := io.LimitReader(zeros{}, 2*maxTraceLine)
	in := lineReader{in: bufio.NewReader(endless)}
	line, _, tooLong, err := in.next()
	if len(line) > maxTraceLine || !tooLong || !errors.Is(err, io.EOF) {
		t.Errorf("of an endless line %d bytes are kept, too long: %v, %v", len(line), tooLong, err)
	}
}

// Long lines are put together, short ones stay in the buffer, and neither is taken for the other.
func TestLinesGoOverBlankOnes(t *testing.T) {
	long := strings.Repeat("long", 10)
	in := lineReader{in: bufio.NewReaderSize(strings.NewReader(
		"\n \r\n\n"+strings.Repeat("\n", 100)+"a \n"+long+"\n"+long[1:]+"\n\t\nb"), 16)}
	for _, want := range []struct {
		line  string
		blank int
		err   error
	}{{"a \n", 103, nil}, {long + "\n", 0, nil}, {long[1:] + "\n", 0, nil}, {"b", 1, io.EOF}, {"", 0, io.EOF}} {
		line, blank, tooLong, err := in.next()
		if string(line) != want.line || blank != want.blank || tooLong || !errors.Is(err, want.err) {
			t.Errorf("got %q after %d blank lines, too long: %v, %v; want %+v", line, blank, tooLong, err, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
