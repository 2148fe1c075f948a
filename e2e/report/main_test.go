package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/e2e/internal/program"
)

var (
	// backspan is the path of the program under test.
	backspan string

	// browser is the context of the one Chromium that the tests share; each opens its own tabs, without a common
	// history.
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
	chromium, err := findChromium(root)
	if err != nil {
		return 1, err
	}
	stop := startBrowser(chromium, filepath.Join(dir, "profile"))
	code = m.Run()
	stop()
	return code, goleak.Find()
}

// findChromium asks the list of what the tests need for the browser that it found to work.
func findChromium(root string) (string, error) {
	var said strings.Builder
	find := exec.CommandContext(context.Background(), filepath.Join(root, "tools", "needs"), "browser")
	find.Stderr = &said
	path, err := find.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said.String())
	}
	return strings.TrimSpace(string(path)), nil
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
