//go:build unix && !aix

package events

import (
	"os"
	"os/signal"
	"syscall"
)

const hangups = true // there is a SIGHUP

// watchHangups has SIGHUP reopen the file, until the function that it returns is called.
func (w *Writer) watchHangups() (stop func()) {
	signals := make(chan os.Signal, 1)
	quit, done := make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				w.Reopen()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
		<-done
	}
}
