package events

import (
	"bytes"
	"io"
	"os"
)

// A tail reads a file that grows, and notices when what it has read is no longer there.
type tail struct {
	file  *os.File
	at    int64          // where to read on
	known [tailSize]byte // what stands before that
	size  int            // of known
	buf   []byte         // for one read
	cut   bool           // the file was truncated
}

// tailSize covers the end of a usual line with its ids, so that no other text is equal to it by chance.
const tailSize = 512

// begin has t read file from at, in front of which before stands.
func (t *tail) begin(file *os.File, at int64, before []byte) {
	if t.buf == nil {
		t.buf = make([]byte, blockSize/4)
	}
	t.file, t.at, t.cut = file, at, false
	t.know(before)
}

func (t *tail) know(before []byte) { t.size = copy(t.known[:], before[max(0, len(before)-tailSize):]) }

// Read reads what is known again, together with what comes after it: so no truncation fits in between. It says
// io.EOF at the end of the file, and when the file was truncated.
func (t *tail) Read(p []byte) (int, error) {
	if t.cut {
		return 0, io.EOF
	}
	if _, err := t.file.Seek(t.at-int64(t.size), io.SeekStart); err != nil {
		return 0, err
	}
	n, err := t.file.Read(t.buf[:min(len(t.buf), t.size+len(p))])
	if err != nil && err != io.EOF {
		return 0, err
	}
	if t.cut = n < t.size || !bytes.Equal(t.buf[:t.size], t.known[:t.size]); t.cut || n == t.size {
		return 0, io.EOF
	}
	fresh := copy(p, t.buf[t.size:n])
	t.at += int64(fresh)
	t.know(t.buf[:n])
	return fresh, nil
}
