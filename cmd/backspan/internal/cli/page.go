package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/backspan/backspan/cmd/backspan/internal/page"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/wholefile"
)

// WritePage writes the page of session to path.
func WritePage(path string, s *session.Session) error {
	if err := CheckPage(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && s.Source != "" && sameFile(info, s.Source) {
		return fmt.Errorf("%s is what the page is made from; name another file", path)
	}
	var html bytes.Buffer
	err := page.Write(&html, s)
	if err == nil {
		err = wholefile.Write(path, html.Bytes())
	}
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// CheckPage says early that a page cannot be written to path.
func CheckPage(path string) error {
	if path == "" {
		return fmt.Errorf("the page needs the name of a file, as in report.html")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory; name a file in it, as in %s", path, filepath.Join(path, "report.html"))
	}
	return nil
}

func sameFile(info os.FileInfo, path string) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}
