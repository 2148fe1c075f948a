package term

import "golang.org/x/sys/windows"

// enableEscapes asks the console to obey escape sequences, and reports whether it does. Consoles before Windows 10
// print them.
func enableEscapes(fd int) bool {
	console := windows.Handle(fd)
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
