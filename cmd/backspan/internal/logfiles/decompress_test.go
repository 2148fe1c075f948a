package logfiles

import (
	"path/filepath"
	"strings"
	"testing"
)

// packers are the programs that compress logs, with what they put behind the name.
var packers = map[string][]string{
	".gz": {"gzip", "-c"}, ".bz2": {"bzip2", "-c"}, ".zst": {"zstd", "-q", "-c"},
}

func TestCompressedFiles(t *testing.T) {
	text := numbered(0, 3000)
	for suffix, command := range packers {
		packed := run(t, text, command[0], command[1:]...)
		read := func(name, packed string) ([]string, *File) {
			path := filepath.Join(t.TempDir(), name)
			write(t, path, packed)
			f := Open(path)
			got, _ := messages(t, []*File{f})
			return got, f
		}
		t.Run(suffix, func(t *testing.T) {
			got, f := read("log", packed) // whatever its name
			equal(t, got, counted(0, 3000))
			if f.Err() != nil || f.Tally().CutShort {
				t.Errorf("%v, %+v", f.Err(), f.Tally())
			}
			got, _ = read("two", packed+packed)
			equal(t, got, append(counted(0, 3000), counted(0, 3000)...))

			for _, kept := range []int{len(packed) - 1, len(packed) / 2, 15, 11} {
				got, f = read("cut", packed[:kept])
				equal(t, got, counted(0, len(got)))
				if f.Err() != nil || !f.Tally().CutShort {
					t.Errorf("the first %d bytes: %v, %+v, want it said that it is cut short", kept, f.Err(), f.Tally())
				}
			}

			broken := []byte(packed)
			for i := len(packed) / 2; i < len(packed)/2+40; i++ {
				broken[i] ^= 0x55
			}
			if got, f = read("broken", string(broken)); f.Err() == nil && !f.Tally().CutShort {
				t.Errorf("of a broken file %d records are read and nothing is said", len(got))
			}
		})
	}
}

// What a file may ask of memory is bounded: it is refused with a word how to read it.
func TestAZstdWindowIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.zst")
	write(t, path, run(t, numbered(0, 3), "sh", "-c", "cat | zstd -q --long=30 -c"))
	f := Open(path)
	got, _ := messages(t, []*File{f})
	if len(got) > 0 || f.Err() == nil || !strings.Contains(f.Err().Error(), "zstd -d --long=31") {
		t.Errorf("got %q, %v, want it refused", got, f.Err())
	}
	write(t, path, run(t, numbered(0, 3), "sh", "-c", "cat | zstd -q -20 --ultra -c"))
	got, _ = messages(t, []*File{Open(path)})
	equal(t, got, counted(0, 3))
}
