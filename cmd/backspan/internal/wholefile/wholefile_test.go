package wholefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
	"github.com/backspan/backspan/internal/safefile"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "file")
	for _, text := range []string{"first", "second, longer", ""} {
		if err := wholefile.Write(path, safefile.Named, []byte(text)); err != nil || read(t, path) != text {
			t.Errorf("%v, content %q, want %q", err, read(t, path), text)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v %v, want nothing for others", info.Mode(), err)
	}
}

func TestPermissionsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	err := wholefile.Write(path, safefile.Named, []byte("new"))
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || info.Mode().Perm() != 0o444 || read(t, path) != "new" {
		t.Errorf("%v %v %v", err, statErr, info.Mode())
	}
}

func TestALinkStays(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(link, safefile.Named, []byte("new")); err != nil || read(t, target) != "new" {
		t.Errorf("%v, the target holds %q", err, read(t, target))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v %v", info.Mode(), err)
	}
}

func TestADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := wholefile.Write(dir, safefile.Named, nil); err == nil {
		t.Error("no error")
	}
	if err := wholefile.Write(filepath.Join(dir, "file", "below"), safefile.Named, nil); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(filepath.Join(dir, "file", "below", "x"), safefile.Named, nil); err == nil {
		t.Error("no error below a file")
	}
}
