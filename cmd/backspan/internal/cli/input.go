package cli

import (
	"io"

	"github.com/backspan/backspan/internal/safefile"
)

// ReadInput reads the file at path, - for stdin: one byte more than most at most, so that a file which is too large can
// be told.
func ReadInput(path string, stdin io.Reader, most int64) ([]byte, error) {
	from := stdin
	if path != "-" {
		opened, err := safefile.Open(path)
		if err != nil {
			return nil, err
		}
		defer opened.Close() //nolint:errcheck // it was only read
		from = opened
	}
	return io.ReadAll(io.LimitReader(from, most+1))
}
