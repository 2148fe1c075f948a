package term

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// What Size returns when the size is not known.
const (
	DefaultColumns = 80
	DefaultRows    = 24
)

// A Terminal says what a file can show. The zero Terminal is no terminal: no colour, no redrawing, UTF-8.
type Terminal struct {
	Redraw bool // lines can be drawn again in place: it is a terminal, and no dumb one
	Color  bool // colours are wanted and shown
	ASCII  bool // nothing beyond ASCII can be shown

	// Reflow says that the terminal breaks its lines anew when it is resized, as all do but a few old ones: who
	// redraws in place must know where its lines went.
	Reflow bool

	file    *os.File
	columns int // COLUMNS; 0 when it is not set
}

// Of describes f in the environment that getenv answers for, most often os.Getenv.
func Of(f *os.File, getenv func(string) string) Terminal {
	tty := IsTerminal(f)
	control(f, func(fd int) { tty = tty && enableEscapes(fd) })
	name := getenv("TERM")
	columns, err := strconv.Atoi(getenv("COLUMNS"))
	if err != nil || columns < 1 {
		columns = 0
	}
	return Terminal{
		Redraw:  tty && name != "dumb",
		Color:   color(tty && name != "dumb", getenv),
		ASCII:   !utf8Locale(getenv),
		Reflow:  reflows(name, getenv),
		file:    f,
		columns: columns,
	}
}

// IsTerminal reports whether f is a terminal. A nil f is none.
func IsTerminal(f *os.File) (yes bool) {
	control(f, func(fd int) { yes = term.IsTerminal(fd) })
	return yes
}

// The words of a --color flag.
const (
	Auto   = "auto"   // as the environment and the file say
	Always = "always" // also into a pipe, and whatever the environment says
	Never  = "never"
)

// Colored returns t with the colours that a --color flag asked for: it is typed just now, and wins over NO_COLOR. Any
// other word than Always and Never leaves t as it is.
func (t Terminal) Colored(when string) Terminal {
	switch when {
	case Always:
		t.Color = true
	case Never:
		t.Color = false
	}
	return t
}

// Size returns the columns and rows as they are now; a terminal may change them at any time.
func (t Terminal) Size() (columns, rows int) {
	control(t.file, func(fd int) {
		if c, r, err := term.GetSize(fd); err == nil {
			columns, rows = c, r
		}
	})
	switch {
	// Some report 0 by 0: serial lines, and terminals made by programs that never set a size.
	case columns > 0 && rows > 0:
		return columns, rows
	case t.columns > 0:
		return t.columns, DefaultRows
	}
	return DefaultColumns, DefaultRows
}

// control calls do with f's descriptor, unless f is nil or closed. (f.Fd would make the file blocking, and take away
// its write deadlines.)
func control(f *os.File, do func(fd int)) {
	if f == nil {
		return
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	// It fails for a closed file only, and a closed file is no terminal.
	_ = conn.Control(func(fd uintptr) { do(int(fd)) })
}

func color(shows bool, getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" {
		return false
	}
	if force := getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return shows && getenv("CLICOLOR") != "0"
}

func utf8Locale(getenv func(string) string) bool {
	for _, name := range [...]string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(name); locale != "" {
			locale = strings.ToLower(locale)
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return true
}

// reflows names the terminals that keep their lines as they are; xterm itself is known by its version variable, as
// most others claim its name.
func reflows(name string, getenv func(string) string) bool {
	if getenv("XTERM_VERSION") != "" && getenv("TMUX") == "" {
		return false
	}
	old := name == "linux" || strings.HasPrefix(name, "rxvt") || strings.HasPrefix(name, "vt")
	screen := getenv("STY") != "" && getenv("TMUX") == ""
	return !old && !screen
}
