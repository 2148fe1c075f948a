package logfiles

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tries bounds how often Find begins again because a rotation was under way.
const tries = 100

// Find opens the log at path and what rotations made of it, the oldest first: files beside it with .1 or a date
// behind its name, as logrotate names them, and .gz, .bz2 or .zst behind that. A rotation in the meantime loses and
// doubles none. When there is nothing, the one File that it returns says so, as does the Reader of one that cannot be
// opened.
func Find(path string) []*File {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe has no rotated files
		return []*File{Open(path)}
	}
	for try := 1; ; try++ {
		names := namesOf(path)
		if len(names) == 0 {
			f := Open(path)
			if f.info == nil || try == tries {
				return []*File{f} // which says that it is not there
			}
			CloseAll([]*File{f}) // it has come since, and may have been rotated before
			continue
		}
		var files []*File
		for _, name := range names {
			files = append(files, Open(name))
		}
		if stands(path, names, files) || try == tries {
			if kept := distinct(files); len(kept) > 0 {
				return kept
			}
			return []*File{Open(path)}
		}
		CloseAll(files)
	}
}

// CloseAll closes files that were only read.
func CloseAll(files []*File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// stands says whether files are what the names still lead to.
func stands(path string, names []string, files []*File) bool {
	if !slices.Equal(names, namesOf(path)) {
		return false
	}
	return !slices.ContainsFunc(files, func(f *File) bool {
		info, err := os.Stat(f.Path)
		if f.info == nil {
			return errors.Is(f.failed, fs.ErrNotExist)
		}
		return err != nil || !os.SameFile(info, f.info)
	})
}

// distinct leaves out files that have an earlier one's inode.
func distinct(files []*File) (kept []*File) {
	for _, f := range files {
		same := func(k *File) bool { return k.info != nil && f.info != nil && os.SameFile(k.info, f.info) }
		if slices.ContainsFunc(kept, same) || errors.Is(f.failed, fs.ErrNotExist) {
			_ = f.Close()
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// rotatedName is what logrotate puts behind the name of a log: a number, or a date by its dateformat, -%Y%m%d by
// default; then the suffix of a compression.
var rotatedName = regexp.MustCompile(`^(?:\.(\d{1,9})|([-._](?:` +
	`\d{4}[-._]?(?:0[1-9]|1[0-2])[-._]?(?:0[1-9]|[12]\d|3[01])` + // %Y%m%d, %Y-%m-%d
	`(?:[-._T]?\d{2}(?:[-._:]?\d{2}){0,2}|[-._]\d{9,10})?` + // %H, %H%M%S; %s
	`|\d{10})))(\.gz|\.bz2|\.zst)?$`)

// namesOf are the paths of the log and its rotated files, the oldest first. A compressed file beside the plain one
// that it is made from is left out.
func namesOf(path string) []string {
	dir, base := filepath.Split(path)
	entries, _ := os.ReadDir(cmp.Or(dir, ".")) // of a folder that may not be listed the log itself may be read
	type name struct {
		path, date, packed string
		number             int
	}
	var found []name
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), base)
		parts := rotatedName.FindStringSubmatch(rest)
		if !ours || parts == nil {
			continue
		}
		if info, err := os.Stat(dir + e.Name()); err != nil || !info.Mode().IsRegular() {
			continue
		}
		number, _ := strconv.Atoi(parts[1]) // none: a date
		found = append(found, name{dir + e.Name(), parts[2], parts[3], number})
	}
	slices.SortFunc(found, func(a, b name) int {
		return cmp.Or(cmp.Compare(b.number, a.number), strings.Compare(a.date, b.date),
			strings.Compare(a.packed, b.packed))
	})
	var paths []string
	for i, f := range found {
		if i == 0 || f.number != found[i-1].number || f.date != found[i-1].date {
			paths = append(paths, f.path)
		}
	}
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		paths = append(paths, path)
	}
	return paths
}
