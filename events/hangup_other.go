//go:build !unix || aix

package events

const hangups = false // there is no SIGHUP: Open refuses ReopenOnSIGHUP

func (w *Writer) watchHangups() (stop func()) { return func() {} }
