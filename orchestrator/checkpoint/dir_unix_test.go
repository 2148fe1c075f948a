//go:build unix

package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/backspan/backspan/orchestrator/checkpoint"
)

func TestJournalsAreTheirOwnersAlone(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "store")
	if err := openDir(t, dir, runID).Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, onlyFile(t, dir): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestLinksAndWhatOthersMayWriteAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := openDir(t, dir, runID).Close(); err != nil {
		t.Fatal(err)
	}
	path := onlyFile(t, dir)
	if err := os.Chmod(path, 0o606); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Dir(dir).Open(t.Context(), runID); err == nil {
		t.Error("a journal that everybody may write was opened")
	}
	if err := errors.Join(os.Rename(path, path+".there"), os.Symlink(path+".there", path)); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Dir(dir).Open(t.Context(), runID); err == nil {
		t.Error("a link was followed")
	}
}
