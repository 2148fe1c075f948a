package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/e2e/internal/program"
)

var (
	// backspan is the path of the program under test.
	backspan string

	// browser is the context of the one Chromium that the tests share; each opens its own tabs, without a common history.
	browser context.Context
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e/report:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "backspan-report")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := filepath.Abs("../..")
	if err != nil {
		return 1, err
	}
	backspan = filepath.Join(dir, "backspan")
	if err := program.Build(context.Background(), root, "./cmd/backspan", backspan); err != nil {
		return 1, err
	}
	chromium, err := findChromium()
	if err != nil {
		return 1, err
	}
	stop := startBrowser(chromium, filepath.Join(dir, "profile"))
	code = m.Run()
	stop()
	return code, goleak.Find()
}

func findChromium() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	if runtime.GOOS == "darwin" {
		names = append(names, "/Applications/Chromium.app/Contents/MacOS/Chromium",
			"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("these tests need Chromium: apt-get install chromium (Debian), " +
		"brew install --cask chromium (macOS)")
}

// startBrowser prepares a browser that starts with the first tab. It talks over a pipe and opens no port.
func startBrowser(path, profile string) (stop func()) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root cannot have one
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	var stopBrowser context.CancelFunc
	browser, stopBrowser = chromedp.NewContext(allocator)
	return func() {
		stopBrowser()
		stopAllocator()
	}
}
