package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/safefile"
)

// Dir is a Store in the directory with that path: a file for each run, with a line for each record. Directory and files
// are made when they are missing, for their owner only (0700 and 0600). No part of the path may be a symbolic link, and
// a file that another user owns or may write is refused, because what it says would be done.
//
// Each record is synced before Append returns. A last line that was not written to its end is cut off by Open. A line
// that is damaged otherwise is a *CorruptError, and the file is left as it is. The lock is one of the file, by flock or
// LockFileEx: it ends with the process. On systems with neither, Open fails.
func Dir(path string) Store { return dir(path) }

type dir string

const (
	suffix = ".journal"

	// maxJournal bounds what is read of a file.
	maxJournal = 1 << 30
)

// fileOf is the file of a run. An id that is not plainly a file name, also where case does not count, is hashed.
func (d dir) fileOf(id string) string {
	plain := func(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' }
	name := id
	if id == "" || len(id) > 64 || strings.Trim(id, "-") != id || strings.TrimFunc(id, plain) != "" {
		sum := sha256.Sum256([]byte(id))
		name = "id-" + hex.EncodeToString(sum[:])
	}
	return filepath.Join(string(d), name+suffix)
}

// with calls do with the path of a file in d.
func (d dir) with(file string, do func(*safefile.Path) error) error {
	if d == "" {
		return errors.New("the directory of the checkpoints has no name")
	}
	path, err := safefile.New(file, safefile.Default)
	if err != nil {
		return err
	}
	return errors.Join(do(path), path.Close())
}

// patience is how long Open waits for a lock: List holds it for a moment to see whether somebody else does.
const patience = 200 * time.Millisecond

func (d dir) Open(ctx context.Context, id string) (Journal, error) {
	var j *file
	err := d.with(d.fileOf(id), func(path *safefile.Path) (err error) {
		j, err = open(ctx, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// open opens, locks and mends a file.
func open(ctx context.Context, path *safefile.Path) (*file, error) {
	for deadline := time.Now().Add(patience); ; {
		f, err := path.OpenAppend(0)
		if err != nil {
			return nil, err
		}
		err = lock(f, true)
		info, statErr := f.Stat()
		switch {
		case err == nil && statErr == nil && path.LeadsTo(info):
			return mended(f, path.String())
		case err != nil && (!errors.Is(err, ErrLocked) || time.Now().After(deadline)):
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
		if err := errors.Join(statErr, f.Close()); err != nil { // else it was removed before it was locked
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(patience / 20):
		}
	}
}

// mended is the journal in f, whose torn end is cut off.
func mended(f *os.File, name string) (*file, error) {
	j := &file{f: f, name: name}
	_, whole, err := j.read()
	if err == nil {
		err = j.truncate(whole)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j.size = whole
	return j, nil
}

// syncDir makes the name of a new file survive the loss of power, where the system can.
func syncDir(path string) error {
	if runtime.GOOS == "windows" { // which has no such call
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (d dir) Remove(ctx context.Context, id string) error {
	return d.with(d.fileOf(id), func(path *safefile.Path) error {
		if err := path.Check(); errors.Is(err, fs.ErrNotExist) {
			return nil // nor is its directory
		}
		j, err := open(ctx, path) // makes it when there is none
		if err != nil {
			return err
		}
		if runtime.GOOS == "windows" { // where an open file cannot be removed
			return errors.Join(j.Close(), path.Remove())
		}
		return errors.Join(path.Remove(), syncDir(string(d)), j.Close())
	})
}

func (d dir) List(ctx context.Context) iter.Seq2[Saved, error] {
	return func(yield func(Saved, error) bool) {
		entries, err := os.ReadDir(string(d))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Saved{}, err)
			return
		}
		for _, entry := range entries {
			if !entry.Type().IsRegular() || !strings.HasSuffix(entry.Name(), suffix) {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(Saved{}, context.Cause(ctx))
				return
			}
			saved, err := d.saved(entry.Name())
			if errors.Is(err, fs.ErrNotExist) || err == nil && len(saved.Records) == 0 {
				continue // it was removed meanwhile, or nothing was written yet
			}
			if !yield(saved, err) {
				return
			}
		}
	}
}

// saved reads one file.
func (d dir) saved(name string) (s Saved, err error) {
	full := filepath.Join(string(d), name)
	err = d.with(full, func(path *safefile.Path) error {
		f, err := path.Open()
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it was only read
		switch err := lock(f, false); {
		case errors.Is(err, ErrLocked):
			s.Open = true
		case err != nil:
			return fmt.Errorf("%s: %w", full, err)
		default:
			if err := unlock(f); err != nil {
				return err
			}
		}
		s.Records, _, err = (&file{f: f, name: full}).read()
		if err != nil {
			return err
		}
		s.ID = idOf(s.Records, strings.TrimSuffix(name, suffix))
		return nil
	})
	return s, err
}

// A file is a Journal.
type file struct {
	f      *os.File
	name   string
	size   int64 // of the whole lines
	broken error // the first failure of Append; the file may end in half a line since
}

// Each line is a checksum of the record, a space, and the record.
const sumLength = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(record []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(record, castagnoli)) }

func (j *file) Read() ([][]byte, error) {
	records, _, err := j.read()
	return records, err
}

// read returns the records, and how many bytes they take. A last line without its end is none.
func (j *file) read() (records [][]byte, whole int64, err error) {
	text, err := io.ReadAll(io.NewSectionReader(j.f, 0, maxJournal+1))
	if err != nil {
		return nil, 0, err
	}
	if len(text) > maxJournal {
		return nil, 0, fmt.Errorf("%s has more than %d MiB", j.name, maxJournal>>20)
	}
	for line := range bytes.Lines(text) {
		record, ok := bytes.CutSuffix(line, []byte("\n"))
		if !ok {
			break
		}
		if !intact(record) {
			last := whole+int64(len(line)) == int64(len(text))
			if last && bytes.IndexByte(record, 0) >= 0 { // torn by the loss of power: its end was written first
				break
			}
			err := errors.New("the line is damaged: its checksum is another one")
			return nil, 0, &CorruptError{Journal: j.name, Record: len(records) + 1, Err: err}
		}
		records = append(records, record[sumLength+1:])
		whole += int64(len(line))
	}
	return records, whole, nil
}

// intact reports whether a line is as it was written.
func intact(line []byte) bool {
	return len(line) > sumLength && line[sumLength] == ' ' && checksum(line[sumLength+1:]) == string(line[:sumLength])
}

func (j *file) Append(record []byte) error {
	if j.broken != nil {
		return j.broken
	}
	line := make([]byte, 0, sumLength+len(record)+2)
	line = append(append(line, checksum(record)...), ' ')
	line = append(append(line, record...), '\n')
	_, err := j.f.Write(line)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		j.broken = errors.Join(err, j.truncate(j.size)) // what was not synced was never promised
		return j.broken
	}
	j.size += int64(len(line))
	return nil
}

func (j *file) truncate(size int64) error {
	if runtime.GOOS == "windows" { // where a file that is open for appending cannot be cut
		return os.Truncate(j.name, size)
	}
	return j.f.Truncate(size)
}

func (j *file) Close() error { return j.f.Close() }

var (
	_ Store   = dir("")
	_ Journal = (*file)(nil)
)
