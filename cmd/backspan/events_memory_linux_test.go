package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// However many files are merged or summed up, `backspan events` stays below 64 MiB. These failed without one of: the
// bound on what the windows of all files take together, the soft limit of the garbage collector, the release of what
// unpacking took when the file is at its end. Of files in zstd that are merged each has a window of its own besides:
// they had more without WithDecoderConcurrency(1).
func TestEventsOfManyFilesTakeLittleMemory(t *testing.T) {
	const most = 64 << 10 // KiB
	const files = 40
	const window = 2 << 10 // KiB, that of zstd -3
	program, dir := built(t), t.TempDir()
	var text bytes.Buffer
	writeLines(t, &text, windowLines)
	// All begin and end at the same times, so that all have to be open at once.
	plain, gzipped, packed := make([]string, files), make([]string, files), make([]string, files)
	for i := range files {
		write := func(end string, wrap func(io.Writer) io.WriteCloser) string {
			path := filepath.Join(dir, fmt.Sprintf("host-%d.jsonl%s", i, end))
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			out := wrap(file)
			if _, err := out.Write(text.Bytes()); err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			return path
		}
		plain[i] = write("", func(w io.Writer) io.WriteCloser { return unclosed{w} })
		gzipped[i] = write(".gz", func(w io.Writer) io.WriteCloser {
			out, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
		packed[i] = write(".zst", func(w io.Writer) io.WriteCloser {
			out, err := zstd.NewWriter(w, zstd.WithWindowSize(window<<10))
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
	}
	for _, c := range []struct {
		name  string
		args  []string
		files []string
		more  int
	}{
		{"merged", []string{"list"}, plain, 0},
		{"merged, as they are", []string{"list", "--json"}, plain, 0},
		{"merged, gzip", []string{"list", "--json"}, gzipped, 0},
		{"merged, zstd", []string{"list", "--json"}, packed, files * (window + 192)},
		{"calls followed", []string{"stats", "--times"}, plain, 0},
		{"one after the other, zstd", []string{"stats"}, packed, 0},
	} {
		kib := peakOf(t, slices.Concat([]string{program, "events"}, c.args, c.files))
		t.Logf("%s: %d KiB", c.name, kib)
		if most := most + c.more; kib > most {
			t.Errorf("%s: %d KiB, want at most %d", c.name, kib, most)
		}
	}
}

// peakOf runs a command, and returns its largest resident set in KiB. The one that wait4(2) tells is that of the tests
// where that is larger, as a child begins as a copy of them.
func peakOf(t testing.TB, args []string) (kib int) {
	t.Helper()
	command, out, errOut := measuredCommand(t, args)
	defer out.Close() //nolint:errcheck // nobody reads it
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil || kib == 0 {
				t.Fatalf("%q: %v, %d KiB\n%.300s", args, err, kib, errOut.String())
			}
			return kib
		case <-tick.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid)) // gone: it has ended
			if _, rest, found := strings.Cut(string(status), "\nVmHWM:"); found {
				kib, _ = strconv.Atoi(strings.Fields(rest)[0])
			}
		}
	}
}

// windowLines is enough lines in each file for its window to be full: 10,000 and what was read ahead.
const windowLines = 12_000

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
